// The far end of many calls, a process of its own: replays SRTP that was sealed before, notes when what comes back arrives, and how late it was itself.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeRtpHeader } from '../../../src/protocol/rtp/packet.ts';
import { SrtpReceiver, SrtpSender } from '../../../src/protocol/rtp/srtp.ts';
import type { SrtpSuite } from '../../../src/protocol/rtp/srtp-suite.ts';
import { Lateness } from '../figures.ts';

/** One party: which of the generator's sockets it speaks from, where to, and the keys of both directions. */
export interface Party {
  readonly socket: number;
  readonly host: string;
  readonly port: number;
  readonly suite: SrtpSuite;
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

export type Order =
  | { readonly type: 'open'; readonly sockets: number }
  | { readonly type: 'add'; readonly parties: readonly Party[] }
  /** Seals what everybody will say. */
  | { readonly type: 'prepare'; readonly seconds: number }
  /** Everybody speaks for so long; what comes in the first `settleSeconds` is not counted. */
  | { readonly type: 'run'; readonly seconds: number; readonly settleSeconds: number };

export interface Report {
  readonly ports: readonly number[];
  readonly sent: number;
  readonly received: number;
  /** Of those that were looked into. */
  readonly opened: number;
  readonly refused: number;
  readonly lateness: { readonly p50: number; readonly p99: number; readonly worst: number };
  readonly own: { readonly p50: number; readonly p99: number; readonly worst: number };
}

const HOST = '127.0.0.1';
const TICK_MS = 20;
const SAMPLES = 160;
const HEADER_BYTES = 12;
const STRIDE = 192;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** One packet in so many is opened: that it is audio is proven, at a price that is not felt. */
const LOOKS_INTO_EVERY = 25;

class Speaker {
  readonly party: Party;
  readonly #sender: SrtpSender;
  readonly #ssrc: number;
  #sequence = 1;
  #timestamp = 0;
  #packets = Buffer.alloc(0);
  #length = 0;

  constructor(party: Party, index: number) {
    this.party = party;
    this.#sender = new SrtpSender(party.suite, party.send);
    this.#ssrc = 0x1000_0000 + index;
  }

  /** Seals the packets of the next run. */
  prepare(count: number): void {
    this.#packets = Buffer.alloc(count * STRIDE);
    this.#timestamp = (this.#timestamp + 50 * SAMPLES) >>> 0;
    for (let k = 0; k < count; k++) {
      const packet = this.#packets.subarray(k * STRIDE, (k + 1) * STRIDE);
      writeRtpHeader(packet, k === 0, 0, this.#sequence, this.#timestamp, this.#ssrc);
      for (let i = 0; i < SAMPLES; i++) packet[HEADER_BYTES + i] = 0x90 + ((i * 7 + k) & 0x3f);
      this.#length = this.#sender.protect(packet, HEADER_BYTES + SAMPLES);
      this.#sequence = (this.#sequence + 1) & 0xffff;
      this.#timestamp = (this.#timestamp + SAMPLES) >>> 0;
    }
  }

  speak(k: number, sockets: readonly Socket[]): void {
    const { socket, port, host } = this.party;
    sockets[socket]?.send(this.#packets, k * STRIDE, this.#length, port, host);
  }
}

/** One stream that comes back, by its SSRC: when each packet was due follows from the one that came earliest. */
class Heard {
  readonly #receiver: SrtpReceiver | undefined;
  #sequence = -1;
  #count = 0;
  readonly arrivals: number[] = [];

  constructor(party: Party | undefined) {
    this.#receiver = party && new SrtpReceiver(party.suite, party.receive);
  }

  /** Answers whether it was authentic, where it was looked into. */
  note(packet: Buffer, now: number): boolean | undefined {
    const sequence = packet.readUInt16BE(2);
    if (this.#sequence < 0) this.#sequence = sequence;
    this.#sequence += ((sequence - this.#sequence) << 16) >> 16;
    this.arrivals.push(now - this.#sequence * TICK_MS);
    if (this.#receiver === undefined || this.#count++ % LOOKS_INTO_EVERY !== 0) return undefined;
    return this.#receiver.unprotect(packet, packet.length) > 0;
  }
}

const sockets: Socket[] = [];
const speakers: Speaker[] = [];
/** By where the server sends from: its port is the call's own. */
const byPort = new Map<number, Party>();
const streams = new Map<number, Heard>();
let [sent, received, opened, refused] = [0, 0, 0, 0];
let own = new Lateness();
let countsFrom = 0;

async function open(count: number): Promise<void> {
  while (sockets.length < count) {
    const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    const listening = once(socket, 'listening');
    socket.bind({ address: HOST, port: 0 });
    await listening;
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    socket.on('message', (packet, from) => hear(packet, from.port));
    sockets.push(socket);
  }
}

function hear(packet: Buffer, port: number): void {
  const now = performance.now();
  const type = (packet[1] ?? 0) & 0x7f;
  if (now < countsFrom || packet.length < HEADER_BYTES || (type >= 64 && type < 96)) return;
  received++;
  const ssrc = packet.readUInt32BE(8);
  let stream = streams.get(ssrc);
  if (stream === undefined) {
    stream = new Heard(byPort.get(port));
    streams.set(ssrc, stream);
  }
  const isAuthentic = stream.note(packet, now);
  if (isAuthentic === true) opened++;
  else if (isAuthentic === false) refused++;
}

/** Every party's packets 20 ms apart, the parties spread over the 20 ms. */
async function run(seconds: number, settleSeconds: number): Promise<void> {
  const ticks = seconds * 50;
  streams.clear();
  [sent, received, opened, refused] = [0, 0, 0, 0];
  own = new Lateness();
  const { promise, resolve } = Promise.withResolvers<void>();
  const began = performance.now() + 50;
  countsFrom = began + settleSeconds * 1000;
  const total = ticks * speakers.length;
  const step = TICK_MS / speakers.length;
  let next = 0;
  const beat = (): void => {
    for (let now = performance.now(); next < total && began + next * step <= now; now = performance.now()) {
      speakers[next % speakers.length]?.speak(Math.floor(next / speakers.length), sockets);
      if (began + next * step >= countsFrom) own.note(now - (began + next * step));
      sent++;
      next++;
    }
    if (next < total) setTimeout(beat, 1);
    else resolve();
  };
  beat();
  await promise;
}

function report(): Report {
  const lateness = new Lateness();
  for (const { arrivals } of streams.values()) {
    const earliest = arrivals.reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
    for (const at of arrivals) lateness.note(at - earliest);
  }
  const shares = (from: Lateness) => ({ p50: from.at(0.5), p99: from.at(0.99), worst: from.worst });
  const ports = sockets.map((socket) => socket.address().port);
  return { ports, sent, received, opened, refused, lateness: shares(lateness), own: shares(own) };
}

async function obey(order: Order): Promise<void> {
  if (order.type === 'open') await open(order.sockets);
  else if (order.type === 'add') {
    for (const party of order.parties) {
      speakers.push(new Speaker(party, speakers.length));
      byPort.set(party.port, party);
    }
  } else if (order.type === 'prepare') for (const speaker of speakers) speaker.prepare(order.seconds * 50);
  else await run(order.seconds, order.settleSeconds);
  process.send?.(report());
}

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit(0));
