// A seeded SIP fuzzer: mutates the kept corpus and the torture messages, and says which rule an input breaks, if any.
import { readdirSync, readFileSync } from 'node:fs';
import { completeTopVia, cseqOf, parseSeconds, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { findFlaw } from '../../src/protocol/sip/flaws.ts';
import type { SipMessage } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader, type StreamItem } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { clientKey, serverKey } from '../../src/protocol/sip/transaction/match.ts';
import { formatNameAddr, formatUri, parseNameAddrList, parseUri } from '../../src/protocol/sip/uri.ts';
import type { Seeded } from './seeded.ts';

const CONFORMANCE = new URL('../conformance/', import.meta.url);
const FOLDERS = ['corpus/sip/', 'sip-torture/rfc4475/', 'sip-torture/rfc5118/'];
/** CPU that one input may cost the parser and the checks; far above what any of them takes, far below a stall. */
const SLOW_MS = 250;

export function loadCorpus(): Buffer[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, CONFORMANCE))
      .sort()
      .map((name) => readFileSync(new URL(`${folder}${name}`, CONFORMANCE))),
  );
}

const TOKENS = [
  ';;',
  '\r\n ',
  '\r\n\r\n',
  '"',
  '<',
  '>',
  '%00',
  '%',
  '\0',
  ',',
  ':',
  '[::',
  ']',
  '@',
  '?',
  '=',
  '\\',
  '\n',
  '\r',
]
  .concat([
    'SIP/2.0',
    'SIP/9.9',
    'l: 0\r\n',
    'Content-Length: 99999\r\n',
    'Via: \r\n',
    '4294967296',
    '-1',
    '\u00ff',
    '☎',
  ])
  .concat([';branch=z9hG4bK', ';rport', ';received=[::1]', 'A'.repeat(2_000), ' '.repeat(500), ';x'.repeat(500)]);

type Mutation = (bytes: Buffer, random: Seeded, corpus: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
    return copy;
  },
  (bytes, random) => insert(bytes, random, Buffer.from(random.bytes(1 + random.below(8)))),
  (bytes, random) => insert(bytes, random, Buffer.from(TOKENS[random.below(TOKENS.length)] ?? '')),
  (bytes, random) => insert(bytes, random, Buffer.from(TOKENS[random.below(TOKENS.length)] ?? '')),
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(40))]);
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random, corpus) => {
    const other = corpus[random.below(corpus.length)] ?? bytes;
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  (bytes, random) => onLines(bytes, (lines) => lines.splice(random.below(lines.length), 0, pick(lines, random))),
  (bytes, random) => onLines(bytes, (lines) => lines.splice(random.below(lines.length), 1)),
  (bytes, random) =>
    onLines(bytes, (lines) => {
      const at = random.below(lines.length);
      lines[at] = (lines[at] ?? '').replace(/\d+/, '9'.repeat(1 + random.below(30)));
    }),
  (bytes, random) =>
    onLines(bytes, (lines) => {
      const at = random.below(lines.length);
      lines[at] = random.below(2) === 0 ? (lines[at] ?? '').toUpperCase() : (lines[at] ?? '').toLowerCase();
    }),
];

/** One to four mutations of one message of the corpus. */
export function mutate(random: Seeded, corpus: readonly Buffer[]): Buffer {
  let bytes: Buffer = corpus[random.below(corpus.length)] ?? Buffer.alloc(0);
  for (let count = 1 + random.below(4); count > 0; count--) {
    bytes = (MUTATIONS[random.below(MUTATIONS.length)] ?? insertNothing)(bytes, random, corpus);
  }
  return Buffer.from(bytes);
}

/** The rule that the parser and what reads a message break on these bytes, or undefined. */
export function parserFault(bytes: Buffer): string | undefined {
  // A busy machine or a collection of garbage is slow once, a bad input each time.
  for (let tries = 0; tries < 3; tries++) {
    const before = process.cpuUsage();
    const fault = brokenRule(bytes);
    const { user, system } = process.cpuUsage(before);
    if (fault !== undefined || (user + system) / 1000 < SLOW_MS) return fault;
  }
  return 'too slow';
}

function brokenRule(bytes: Buffer): string | undefined {
  try {
    const message = parseMessage(bytes);
    if (!('fault' in message)) readAll(message);
    else if (message.request !== undefined) serialise(buildResponse(message.request, 400, 'Bad Request', 'tag'));
    if (!('fault' in message) && !isStable(message)) return 'what was written does not read as what was parsed';
  } catch (thrown) {
    return `threw ${String(thrown)}`;
  }
  return undefined;
}

/** The rule that the stream framer breaks: however a stream is split, the same items come of it. */
export function framingFault(bytes: Buffer, splits: readonly number[]): string | undefined {
  try {
    const whole = shapeOf(new SipStreamReader().push(bytes));
    for (const at of splits) {
      const reader = new SipStreamReader();
      const items = [...reader.push(bytes.subarray(0, at)), ...reader.push(bytes.subarray(at))];
      if (shapeOf(items) !== whole) return `split at ${at}`;
    }
    const reader = new SipStreamReader();
    const items = Array.from(bytes, (byte) => reader.push(Uint8Array.of(byte))).flat();
    return shapeOf(items) === whole ? undefined : 'byte by byte';
  } catch (thrown) {
    return `threw ${String(thrown)}`;
  }
}

/** Everything that the stack and the edge read of a message. */
function readAll(message: SipMessage): void {
  findFlaw(message);
  const { headers } = message;
  const via = topVia(message);
  const cseq = cseqOf(message);
  for (const name of ['from', 'to']) tagOf(headers.get(name));
  for (const name of ['from', 'to', 'contact', 'route', 'record-route', 'refer-to']) {
    for (const address of parseNameAddrList(headers.all(name))) formatNameAddr(address);
  }
  parseSeconds(headers.get('expires'));
  if (message.kind === 'response') {
    clientKey(via?.branch ?? '', cseq?.method ?? '');
    return;
  }
  const uri = parseUri(message.uri);
  if (uri !== undefined && parseUri(formatUri(uri)) === undefined) throw new Error('a URI that was written is none');
  if (via === undefined || cseq === undefined) return;
  serverKey(message, via, cseq, message.method);
  const completed = completeTopVia(message, via, { host: '127.0.0.1', port: 5060 });
  if (topVia(completed) === undefined) throw new Error('the completed Via is none');
  serialise(buildResponse(completed, 400, 'Bad Request', 'tag'));
}

/** Written, read and written again gives the same bytes. */
function isStable(message: SipMessage): boolean {
  const written = serialise(message);
  const again = parseMessage(written);
  return 'fault' in again ? again.fault === 'message-too-large' : serialise(again).equals(written);
}

function shapeOf(items: readonly StreamItem[]): string {
  return items
    .map((item) => {
      if (item.item === 'message') return `${item.bytes} ${serialise(item.message).toString('latin1')}`;
      return item.item === 'fault' ? `${item.fault} ${item.isFatal}` : item.item;
    })
    .join('|');
}

function insert(bytes: Buffer, random: Seeded, what: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);
}

const insertNothing: Mutation = (bytes) => bytes;

function onLines(bytes: Buffer, change: (lines: string[]) => unknown): Buffer {
  const lines = bytes.toString('latin1').split('\r\n');
  change(lines);
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

function pick(lines: readonly string[], random: Seeded): string {
  return lines[random.below(lines.length)] ?? '';
}
