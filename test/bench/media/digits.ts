// From a digit's end on the wire to the first packet of the prompt that answers it, through drachtio-fsmrf: `play_and_get_digits`, then `playback`.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { pcmu } from '../../../src/kernel/g711.ts';
import { writeRtpHeader } from '../../../src/protocol/rtp/packet.ts';
import { SrtpReceiver, SrtpSender } from '../../../src/protocol/rtp/srtp.ts';
import type { FsmrfEndpoint } from '../../support/media-bench.ts';
import type { NamedServer } from '../../support/named-server.ts';
import { percentile, say, watchOwnLateness } from '../figures.ts';
import { HOST, type MediaSubject, negotiationFor, openNamed, openWardline, partyOf } from './subjects.ts';

const PRESSES = 100;
const HEADER_BYTES = 12;
const EVENT_TYPE = 101;
const DIGIT_FIVE = 5;
const VOLUME = 10;
/** Updates before the end, and how often the end is said (RFC 4733 §2.5.1.4). */
const UPDATES = 4;
const ENDS = 3;
const TICK_MS = 20;
/** A packet with a sample above this is no silence. */
const LOUD = 2000;
const PROMPT = 'tone_stream://%(120,0,440)';
const PATIENCE_MS = 2_000;

export async function benchDigits(freeswitch: NamedServer | undefined): Promise<void> {
  await digitsOf(await openWardline());
  if (freeswitch !== undefined) await digitsOf(await openNamed(freeswitch));
}

async function digitsOf(opened: MediaSubject): Promise<void> {
  await using subject = opened;
  await using phone = await Presser.open(subject);
  const times: number[] = [];
  const withOwn = watchOwnLateness();
  for (let press = 0; press < PRESSES; press++) {
    times.push(await phone.press());
    await delay(150 + Math.random() * TICK_MS); // no press keeps step with the server's beat
  }
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const aim = subject.name === 'wardline' ? 'p99 <= 60 ms' : '(comparator)';
  say(`${subject.name}: digit to first prompt packet`, withOwn(`p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms`), aim);
}

class Presser implements AsyncDisposable {
  readonly #socket = createSocket('udp4');
  readonly #samples = new Int16Array(160);
  #endpoint!: FsmrfEndpoint;
  #send!: (type: number, timestamp: number, payload: Uint8Array) => void;
  #onLoud: (() => void) | undefined;
  #timestamp = 0;

  static async open(subject: MediaSubject): Promise<Presser> {
    const phone = new Presser();
    phone.#socket.bind({ address: HOST, port: 0 });
    await once(phone.#socket, 'listening');
    const negotiation = negotiationFor(phone.#socket.address().port);
    phone.#endpoint = await subject.endpoint(negotiation);
    const party = partyOf(negotiation, phone.#endpoint, { socket: 0 });
    const [sender, receiver] = [new SrtpSender(party.suite, party.send), new SrtpReceiver(party.suite, party.receive)];
    let sequence = 0;
    phone.#send = (type, timestamp, payload) => {
      const packet = Buffer.alloc(64);
      writeRtpHeader(packet, false, type, sequence++, timestamp, 0x5157);
      packet.set(payload, HEADER_BYTES);
      phone.#socket.send(packet, 0, sender.protect(packet, HEADER_BYTES + payload.length), party.port, party.host);
    };
    phone.#socket.on('message', (packet) => phone.#hear(packet, receiver.unprotect(packet, packet.length)));
    return phone;
  }

  /** Milliseconds from the first packet that says that the digit has ended. */
  async press(): Promise<number> {
    const options = { min: 1, max: 1, tries: 1, timeout: 5000, file: 'silence_stream://20' };
    const answered = this.#endpoint.playCollect(options).then(() => this.#endpoint.play(PROMPT));
    await delay(200);
    this.#timestamp += 8000;
    const event = (isEnd: boolean, ms: number) =>
      Uint8Array.of(DIGIT_FIVE, (isEnd ? 0x80 : 0) | VOLUME, (ms * 8) >> 8, (ms * 8) & 0xff);
    for (let update = 1; update <= UPDATES; update++) {
      this.#send(EVENT_TYPE, this.#timestamp, event(false, update * TICK_MS));
      await delay(TICK_MS);
    }
    const loud = new Promise<void>((resolve, reject) => {
      this.#onLoud = resolve;
      setTimeout(() => reject(new Error('no prompt was heard')), PATIENCE_MS).unref();
    });
    const pressed = performance.now();
    for (let end = 0; end < ENDS; end++) this.#send(EVENT_TYPE, this.#timestamp, event(true, (UPDATES + 1) * TICK_MS));
    await loud;
    const took = performance.now() - pressed;
    await answered;
    return took;
  }

  #hear(packet: Buffer, length: number): void {
    if (length !== HEADER_BYTES + this.#samples.length) return;
    pcmu.decode(packet, HEADER_BYTES, length, this.#samples, 0);
    if (!this.#samples.some((sample) => Math.abs(sample) > LOUD)) return;
    this.#onLoud?.();
    this.#onLoud = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }
}
