// A seeded fuzzer of what the media server reads from the network: mutates the kept corpus, and says which rule an input breaks, if any.
import { readFileSync } from 'node:fs';
import { noCounts } from '../../src/engine/media-server/audio/counters.ts';
import { InboundAudio } from '../../src/engine/media-server/audio/inbound.ts';
import { readRecords } from '../../src/protocol/dtls/record.ts';
import { CommandReader } from '../../src/protocol/event-socket/command-reader.ts';
import { IceAgent } from '../../src/protocol/ice/agent.ts';
import { emptyRtpHeader, parseRtp, rtpHeaderBytes } from '../../src/protocol/rtp/packet.ts';
import { parseReport } from '../../src/protocol/rtp/rtcp.ts';
import { SrtcpReceiver, SrtcpSender } from '../../src/protocol/rtp/srtcp.ts';
import { SrtpReceiver, SrtpSender } from '../../src/protocol/rtp/srtp.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/srtp-suite.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { formatSdp, parseSdp } from '../../src/protocol/sdp/session.ts';
import { parseBindingRequest } from '../../src/protocol/stun/binding.ts';
import { parseStun } from '../../src/protocol/stun/message.ts';
import { ALICE, dtlsPair } from './dtls-pair.ts';
import { ManualClock } from './manual-clock.ts';
import type { Seeded } from './seeded.ts';

export const CORPUS = new URL('../conformance/corpus/media/', import.meta.url);
const ALL = Object.keys(SUITES) as SrtpSuite[];
const PEER = { host: '192.0.2.1', port: 4000 };
/** Processor time that one input may cost; far above what any takes, far below a stall. Others on a busy machine do not count. */
const SLOW_MICROSECONDS = 1_000_000;

type Rule = string | undefined;
type Check = (bytes: Buffer, random: Seeded) => Rule;

/** Inputs kept for `target`: a line of hexadecimal each; `#` begins a remark. */
export function loadInputs(target: FuzzTarget): Buffer[] {
  const lines = readFileSync(new URL(`${target}.hex`, CORPUS), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => Buffer.from(line, 'hex'));
}

const EXTREMES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff];

type Mutation = (bytes: Buffer, random: Seeded, corpus: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    for (let flips = random.below(6); flips >= 0 && bytes.length > 0; flips--) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 1)
      bytes.writeUInt16BE(EXTREMES[random.below(EXTREMES.length)] ?? 0, random.below(bytes.length - 1));
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => bytes.subarray(random.below(bytes.length + 1)),
  (bytes, random) => insert(bytes, random, Buffer.from(random.bytes(1 + random.below(40)))),
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    return insert(bytes, random, bytes.subarray(from, from + random.below(60)));
  },
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(20))]);
  },
  (bytes, random, corpus) => {
    const other = corpus[random.below(corpus.length)] ?? bytes;
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random.below(1_600), random.below(256))]),
];

/** One to four mutations of one input; now and then none. */
export function mutateBytes(random: Seeded, corpus: readonly Buffer[]): Buffer {
  let bytes = Buffer.from(corpus[random.below(corpus.length)] ?? Buffer.alloc(0));
  for (let count = random.below(5); count > 0; count--) {
    bytes = Buffer.from((MUTATIONS[random.below(MUTATIONS.length)] ?? insertNothing)(bytes, random, corpus));
  }
  return bytes;
}

const insertNothing: Mutation = (bytes) => bytes;

function insert(bytes: Buffer, random: Seeded, what: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);
}

/** Each says which of its rules the bytes break; none may throw or take long, which `faultOf` sees to. */
const CHECKS = { rtp, rtcp, srtp, srtcp, stun, dtls, handshake, sdp, commands } as const satisfies Record<
  string,
  Check
>;
export type FuzzTarget = keyof typeof CHECKS;
export const FUZZ_TARGETS = Object.keys(CHECKS) as FuzzTarget[];

export function faultOf(target: FuzzTarget, bytes: Buffer, random: Seeded): Rule {
  const before = process.cpuUsage();
  try {
    const rule = CHECKS[target](Buffer.from(bytes), random);
    if (rule !== undefined) return rule;
  } catch (thrown) {
    return `threw ${String(thrown)}`;
  }
  const { user, system } = process.cpuUsage(before);
  return user + system > SLOW_MICROSECONDS ? 'too slow' : undefined;
}

function rtp(bytes: Buffer): Rule {
  const header = emptyRtpHeader();
  if (parseRtp(bytes, bytes.length, header)) {
    const { payloadStart, payloadEnd } = header;
    if (payloadStart < 12 || payloadEnd < payloadStart || payloadEnd > bytes.length)
      return 'a payload outside its packet';
  }
  for (const codec of ['PCMU', 'G722', 'opus', 'L16/16000'] as const) {
    const inbound = new InboundAudio(new ManualClock(), noCounts(), true, () => undefined);
    const types = { send: 0, receive: 0 };
    inbound.configure({
      remote: PEER,
      codec,
      payloadTypes: types,
      telephoneEvent: { send: 101, receive: 101 },
      direction: 'sendrecv',
      srtp: undefined,
    });
    for (let times = 0; times < 3; times++) {
      inbound.accept(Buffer.from(bytes), PEER.host, PEER.port);
      inbound.read();
    }
    inbound[Symbol.dispose]();
  }
  return undefined;
}

function rtcp(bytes: Buffer): Rule {
  const report = parseReport(bytes, bytes.length);
  return report !== undefined && report.blocks.length > 31 ? 'more blocks than five bits count' : undefined;
}

function masterOf(suite: SrtpSuite): Uint8Array {
  return new Uint8Array(masterBytes(suite)).fill(5);
}

/** A good packet is taken; the same one, changed, is not. */
function srtp(bytes: Buffer, random: Seeded): Rule {
  const suite = ALL[random.below(ALL.length)] ?? 'AEAD_AES_256_GCM';
  const receiver = new SrtpReceiver(suite, masterOf(suite), random.below(3) === 0 ? random.below(129) : 0);
  receiver.unprotect(Buffer.from(bytes), bytes.length);
  if (rtpHeaderBytes(bytes, bytes.length) === 0 || bytes.length > 1_400) return undefined;
  const packet = Buffer.concat([bytes, Buffer.alloc(16)]);
  const length = new SrtpSender(suite, masterOf(suite)).protect(packet, bytes.length);
  const good = packet.subarray(0, length);
  const changed = changedCopy(good, random);
  if (new SrtpReceiver(suite, masterOf(suite)).unprotect(changed, changed.length) !== 0)
    return 'a changed packet was taken';
  return new SrtpReceiver(suite, masterOf(suite)).unprotect(good, length) === bytes.length
    ? undefined
    : 'a good one was not';
}

function srtcp(bytes: Buffer, random: Seeded): Rule {
  const suite = ALL[random.below(ALL.length)] ?? 'AEAD_AES_256_GCM';
  new SrtcpReceiver(suite, masterOf(suite), random.below(129)).unprotect(Buffer.from(bytes));
  if (bytes.length < 8 || bytes.length > 1_400) return undefined;
  const good = new SrtcpSender(suite, masterOf(suite)).protect(bytes);
  const changed = changedCopy(good, random);
  if (new SrtcpReceiver(suite, masterOf(suite)).unprotect(changed) !== undefined) return 'a changed report was taken';
  const opened = new SrtcpReceiver(suite, masterOf(suite)).unprotect(good);
  return opened?.equals(bytes) === true ? undefined : 'a good one was not';
}

function changedCopy(bytes: Buffer, random: Seeded): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
  return copy;
}

/** Nobody who lacks the passwords has an agent choose him. */
function stun(bytes: Buffer, random: Seeded): Rule {
  parseStun(bytes);
  parseBindingRequest(bytes);
  const agent = new IceAgent({
    // Of RFC 5769's request, whose password nobody here gives.
    local: { ufrag: 'evtj', password: 'not-the-one-of-the-request' },
    remote: { ufrag: 'h6vY', password: 'nor-the-one-of-the-response' },
    candidates: [{ ...PEER, priority: 1 }],
    isControlling: random.below(2) === 0,
    random: random.bytes,
    send: () => undefined,
  });
  agent.step(0);
  for (const from of [PEER, { host: '203.0.113.9', port: 1 }]) agent.receive(bytes, from, 20);
  agent.step(40);
  return agent.selected === undefined && !agent.knows(PEER) ? undefined : 'an agent was moved without a password';
}

function dtls(bytes: Buffer): Rule {
  for (const { fragment } of readRecords(bytes))
    if (fragment.length > bytes.length) return 'a record outside its datagram';
  const { client, server } = dtlsPair();
  client.step(0);
  for (const session of [client, server]) {
    session.receive(bytes, 0);
    session.step(500);
    if (session.state === 'connected') return 'a session out of nothing';
  }
  return undefined;
}

/** A handshake in which these bytes come between, and datagrams are changed: it may fail, but no two sides end with different keys. */
function handshake(bytes: Buffer, random: Seeded): Rule {
  const pair = dtlsPair((datagram) => {
    const dice = random.below(6);
    if (dice === 0) return [bytes, datagram];
    return [dice === 1 ? mutateBytes(random, [datagram, bytes]) : datagram];
  });
  pair.run(1_500);
  const [a, b] = [pair.client.srtp, pair.server.srtp];
  if (a === undefined || b === undefined) return undefined;
  return a.suite === b.suite && Buffer.compare(a.local.master, b.remote.master) === 0
    ? undefined
    : 'two sides, two keys';
}

function sdp(bytes: Buffer, random: Seeded): Rule {
  const text = bytes.toString('latin1');
  const session = parseSdp(text);
  if (session !== undefined) {
    const again = parseSdp(formatSdp(session));
    if (again !== undefined && formatSdp(again) !== formatSdp(session)) return 'what was written reads otherwise';
  }
  const options = { local: { host: '192.0.2.7', port: 20_184 }, sessionId: 1, random: random.bytes };
  const side = createAudioNegotiation({ ...options, secure: 'preferred', identity: ALICE });
  const answered = side.answerOffer(text);
  if (!('refused' in answered) && parseSdp(answered.sdp) === undefined) return 'an answer of ours that is none';
  side.makeOffer({ isWebRtc: random.below(2) === 0 });
  side.acceptAnswer(text);
  return undefined;
}

/** However a stream is cut, the same commands come of it. */
function commands(bytes: Buffer, random: Seeded): Rule {
  const [reader, second] = [new CommandReader(), new CommandReader()];
  const whole = shapeOf(reader.push(bytes));
  const at = random.below(bytes.length + 1);
  const cut = shapeOf([...second.push(bytes.subarray(0, at)), ...second.push(bytes.subarray(at))]);
  return whole === cut || reader.isBroken || second.isBroken ? undefined : `cut at ${at}`;
}

function shapeOf(commands: ReturnType<CommandReader['push']>): string {
  return commands.map(({ name, args, headers }) => JSON.stringify([name, args, [...headers]])).join('\n');
}
