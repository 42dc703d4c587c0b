// What one REGISTER and its 200 cost the SIP stack in CPU, sockets left out: `node test/bench/sip-register.ts`.
import { randomBytes } from 'node:crypto';
import { deadFlow } from '../../src/engine/runtime/flow.ts';
import { defaultStackLimits } from '../../src/engine/runtime/limits.ts';
import { Transactions } from '../../src/engine/runtime/transactions.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';

const ROUNDS = 5;
const PER_ROUND = 10_000;
const PHONE = { host: '192.0.2.5', port: 5060 };

function register(index: number): Buffer {
  const lines = [
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
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

const flow = { ...deadFlow({ transport: 'udp', listener: 'phones', local: PHONE, remote: PHONE }), isOpen: true };
const transactions = new Transactions({
  clock: systemClock,
  limits: { ...defaultStackLimits, transactions: ROUNDS * PER_ROUND + 1 },
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

for (let round = 0; round < ROUNDS; round++) {
  const wire = Array.from({ length: PER_ROUND }, (_, index) => register(round * PER_ROUND + index));
  const before = process.cpuUsage();
  for (const bytes of wire) {
    const message = parseMessage(bytes);
    if (!('fault' in message)) transactions.receive(message, flow, bytes.length);
  }
  const { user, system } = process.cpuUsage(before);
  console.log(`round ${round + 1}: ${((user + system) / PER_ROUND).toFixed(1)} µs a transaction`);
}
transactions.stop();
