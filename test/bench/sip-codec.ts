// What messages cost without sockets: parsed, written, and taken through a server transaction. A part of sip-edge.ts.
import { randomBytes } from 'node:crypto';
import { deadFlow } from '../../src/engine/runtime/flow.ts';
import { defaultStackLimits } from '../../src/engine/runtime/limits.ts';
import { Transactions } from '../../src/engine/runtime/transactions.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { parseAppMessage } from '../../src/protocol/drachtio-wire/app-message.ts';
import { encodeFrame, FrameReader } from '../../src/protocol/drachtio-wire/frame.ts';
import type { SipMessage } from '../../src/protocol/sip/message.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { SDP } from '../support/sip-peer.ts';
import { percentile } from './figures.ts';

const ROUNDS = 7;
const PER_ROUND = 20_000;
const PHONE = { host: '192.0.2.5', port: 5060 };

type Say = (what: string, value: string, aim?: string) => void;

export function benchCodec(say: Say): void {
  const tell = (what: string, work: (round: number) => void) => {
    const costs = Array.from({ length: ROUNDS }, (_, round) => cpuMicros(() => work(round)) / PER_ROUND);
    const median = percentile(costs, 0.5);
    say(what, `${(1e6 / median).toFixed(0)}/s`);
    say('  each, median and worst of the rounds', `${median.toFixed(1)}, ${Math.max(...costs).toFixed(1)} µs`);
  };
  for (const [name, text] of [
    ['REGISTER', register(0)],
    ['INVITE with SDP', invite()],
  ] as const) {
    const bytes = Buffer.from(text);
    const message = parsed(bytes);
    tell(`${name}, ${bytes.length} bytes, parsed`, () => times(() => parsed(bytes)));
    tell(`${name} written`, () => times(() => serialise(message)));
  }
  const frame = encodeFrame('0d3f|sip|4b1c|', Buffer.from(answer()));
  tell("an application's answer, framed, read", () => times(() => readFrame(frame)));
  tell('REGISTER–200 through a server transaction', throughTransactions);
}

function times(work: () => void): void {
  for (let count = 0; count < PER_ROUND; count++) work();
}

function cpuMicros(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function parsed(bytes: Buffer): SipMessage {
  const message = parseMessage(bytes);
  if ('fault' in message) throw new Error(message.fault);
  return message;
}

function readFrame(frame: Buffer): void {
  for (const payload of new FrameReader().push(frame).payloads) parseAppMessage(payload);
}

function throughTransactions(round: number): void {
  const flow = { ...deadFlow({ transport: 'udp', listener: 'phones', local: PHONE, remote: PHONE }), isOpen: true };
  const transactions = new Transactions({
    clock: systemClock,
    limits: { ...defaultStackLimits, transactions: PER_ROUND + 1 },
    random: randomBytes,
    reconnect: async () => undefined,
    onThrow: undefined,
    events: {
      onRequest: (transaction) => void transaction.respond(buildResponse(transaction.request, 200, 'OK', 't1')),
      onCancel() {},
      onAck() {},
      onStrayResponse() {},
      onFault(reason) {
        throw new Error(reason);
      },
    },
  });
  for (let count = 0; count < PER_ROUND; count++) {
    const bytes = Buffer.from(register(round * PER_ROUND + count));
    transactions.receive(parsed(bytes), flow, bytes.length);
  }
  transactions.stop();
}

function register(index: number): string {
  return text([
    'REGISTER sip:clinic.example SIP/2.0',
    `Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK${index};rport`,
    'Max-Forwards: 70',
    'From: "Front Desk" <sip:1001@clinic.example>;tag=abc123',
    'To: <sip:1001@clinic.example>',
    `Call-ID: ${index}@phone`,
    'CSeq: 1 REGISTER',
    'Contact: <sip:1001@192.0.2.5:5060>;expires=3600',
    'User-Agent: Phone/1.0',
    'Allow: INVITE,ACK,BYE,CANCEL,OPTIONS',
    'Supported: path,outbound',
    'Authorization: Digest username="1001",realm="clinic.example",nonce="abc",uri="sip:clinic.example",response="0",qop=auth,nc=1,cnonce="x"',
    'Expires: 3600',
    'Content-Length: 0',
  ]);
}

function invite(): string {
  return text(
    [
      'INVITE sip:1002@clinic.example SIP/2.0',
      'Via: SIP/2.0/TLS 192.0.2.5:5061;branch=z9hG4bK1;rport',
      'Max-Forwards: 70',
      'From: "Front Desk" <sip:1001@clinic.example>;tag=abc123',
      'To: <sip:1002@clinic.example>',
      'Call-ID: 1@phone',
      'CSeq: 1 INVITE',
      'Contact: <sip:1001@192.0.2.5:5061;transport=tls>',
      'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, REFER, UPDATE, PRACK',
      'Supported: replaces, timer, 100rel',
      'Session-Expires: 1800;refresher=uac',
      'Content-Type: application/sdp',
      `Content-Length: ${SDP.length}`,
    ],
    SDP,
  );
}

/** As drachtio-srf writes it. */
function answer(): string {
  return text([
    'SIP/2.0 200 OK',
    'cseq: 1 REGISTER',
    'contact: <sip:1001@192.0.2.5:5060>;expires=3600',
    'expires: 3600',
    'date: Mon, 05 Jan 2026 15:00:00 GMT',
  ]);
}

function text(lines: readonly string[], body = ''): string {
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
