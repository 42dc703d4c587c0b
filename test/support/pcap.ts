// What a caller says, as a PCAP file that sipp plays: a digit by RFC 4733, then a tone in G.711 µ-law, in one RTP stream (RFC 3550 §5.1).
import { DigitSender } from '../../src/protocol/rtp/telephone-event.ts';
import { ulawTone } from './ulaw-tone.ts';

const STEP_SAMPLES = 160;
const SILENCE_STEPS = 25;
const SSRC = 0x57_61_72_64;
const PCMU = 0;
const TELEPHONE_EVENT = 101;
const DIGIT_MS = 160;
const RTP_HEADER_BYTES = 12;
/** Ethernet, IPv4 without options, UDP; sipp puts its own addresses and ports in. */
const FRAME_BYTES = 14 + 20 + 8;
const ULAW_SILENCE = 0xff;

/** Half a second of silence, `digit`, then a tone of `hertz` until `seconds` are full. */
export function digitThenTone(digit: string, hertz: number, seconds: number): Uint8Array {
  const sender = new DigitSender();
  const tone = ulawTone(hertz, seconds);
  const packets: Buffer[] = [];
  for (let step = 0; step < seconds * 50; step++) {
    if (step === SILENCE_STEPS) sender.enqueue(digit, DIGIT_MS);
    const event = new Uint8Array(4);
    const now = step * STEP_SAMPLES;
    const isEvent = sender.step(event, 0, now);
    const audio =
      step < SILENCE_STEPS ? new Uint8Array(STEP_SAMPLES).fill(ULAW_SILENCE) : tone.subarray(now, now + STEP_SAMPLES);
    packets.push(
      isEvent
        ? rtp(TELEPHONE_EVENT, sender.isFirst, step, sender.timestamp, event)
        : rtp(PCMU, step === 0, step, now, audio),
    );
  }
  return pcap(packets);
}

function rtp(type: number, marker: boolean, sequence: number, timestamp: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(RTP_HEADER_BYTES);
  header[0] = 0x80;
  header[1] = (marker ? 0x80 : 0) | type;
  header.writeUInt16BE(sequence + 1, 2);
  header.writeUInt32BE(timestamp, 4);
  header.writeUInt32BE(SSRC, 8);
  return Buffer.concat([header, payload]);
}

/** One packet every 20 ms, in the classic little-endian format with Ethernet frames. */
function pcap(packets: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([header, ...packets.flatMap((packet, step) => [recordOf(packet, step), framed(packet)])]);
}

function recordOf(packet: Buffer, step: number): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt32LE(Math.floor(step / 50), 0);
  record.writeUInt32LE((step % 50) * 20_000, 4);
  record.writeUInt32LE(FRAME_BYTES + packet.length, 8);
  record.writeUInt32LE(FRAME_BYTES + packet.length, 12);
  return record;
}

function framed(packet: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(20 + 8 + packet.length, 16);
  frame[22] = 64;
  frame[23] = 17;
  frame.writeUInt32BE(0x7f000001, 26);
  frame.writeUInt32BE(0x7f000001, 30);
  frame.writeUInt16BE(6000, 34);
  frame.writeUInt16BE(6002, 36);
  frame.writeUInt16BE(8 + packet.length, 38);
  return Buffer.concat([frame, packet]);
}
