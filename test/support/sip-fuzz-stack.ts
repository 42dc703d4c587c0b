// A SIP stack on loopback under a fuzzer: hostile bytes by UDP and TCP, then a good call, and nothing left over at the end.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ServerTransaction, SipStack } from '../../src/engine/runtime/sip-stack.ts';
import { ManualClock } from './manual-clock.ts';
import { PATIENCE_MS } from './patience.ts';
import type { Seeded } from './seeded.ts';
import { answer, recordingStack, requestText, streamPeer, udpPeer } from './sip-bench.ts';

/** Longer than every timer of the stack together. */
const FOREVER_MS = 300_000;

export interface FuzzedStack extends AsyncDisposable {
  /** By UDP, or by a TCP connection of its own in pieces; resolves when it has been taken. */
  throwAt(bytes: Buffer): Promise<void>;
  /** A call by UDP and one by TCP: INVITE, 200, ACK, BYE, 200. Rejects when it does not come about. */
  goodCall(): Promise<void>;
  /** What the stack still holds once all peers are gone and all time has passed; undefined when nothing. */
  leftOver(): Promise<string | undefined>;
  readonly thrown: readonly unknown[];
}

export async function fuzzedStack(random: Seeded): Promise<FuzzedStack> {
  const clock = new ManualClock();
  const thrown: unknown[] = [];
  const held: ServerTransaction[] = [];
  const bench = recordingStack({ clock, onThrow: (what) => thrown.push(what) }, (transaction) =>
    reply(transaction, random, held),
  );
  const { stack } = bench;
  const open = async (transport: 'udp' | 'tcp') =>
    (await stack.listen({ name: 'fuzz', transport, host: '127.0.0.1', port: 0 })).port;
  const udpPort = await open('udp');
  const tcpPort = await open('tcp');
  const peer = await udpPeer();
  let calls = 0;
  return {
    thrown,
    async throwAt(bytes) {
      if (random.below(4) === 0) await throwByTcp(bytes, tcpPort, random);
      else peer.send(bytes.subarray(0, 60_000), udpPort);
      for (const list of [bench.requests, bench.strays, bench.faults, bench.acks, bench.cancels]) list.length = 0;
      peer.received.length = 0;
      clock.advance(random.below(200));
    },
    async goodCall() {
      calls += 1;
      await within(callByUdp(udpPort, calls), 'the call by UDP');
      await within(callByTcp(tcpPort, calls), 'the call by TCP');
    },
    async leftOver() {
      await closed(stack);
      for (const transaction of held) transaction.respond(answer(transaction, 500, 'Late'));
      clock.advance(FOREVER_MS);
      // What a timer cuts now still has to be closed by the system.
      await closed(stack);
      const { connections, transactions } = stack.load;
      const what = { transactions, connections, timers: clock.pending };
      return transactions + connections + clock.pending === 0 ? undefined : JSON.stringify(what);
    },
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await dispose(stack);
    },
  };
}

/** Gives sockets that are closing the time to be closed. */
async function closed(stack: SipStack): Promise<void> {
  for (let tries = 0; stack.load.connections > 0 && tries < 400; tries++)
    await new Promise((done) => setTimeout(done, 5));
}

async function dispose(stack: SipStack): Promise<void> {
  await stack[Symbol.asyncDispose]();
}

/** The good calls are answered; what was thrown gets one answer or another, some of them only at the end. */
function reply(transaction: ServerTransaction, random: Seeded, held: ServerTransaction[]): void {
  const isGood = transaction.request.headers.get('call-id') === 'call-1@test.example';
  const choice = isGood ? 0 : random.below(4);
  if (choice === 0) transaction.respond(answer(transaction, 200, 'OK'));
  else if (choice === 1) transaction.respond(answer(transaction, 486, 'Busy Here'));
  else {
    if (choice === 2) transaction.respond(answer(transaction, 180, 'Ringing'));
    held.push(transaction);
  }
}

async function throwByTcp(bytes: Buffer, port: number, random: Seeded): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const closed = once(socket, 'close').catch(() => undefined);
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + random.below(bytes.length);
    socket.write(bytes.subarray(at, next));
    at = next;
  }
  if (random.below(2) === 0) socket.end();
  await new Promise((done) => setImmediate(done));
  socket.destroy();
  await closed;
}

async function callByUdp(port: number, call: number): Promise<void> {
  await using peer = await udpPeer();
  const via = (branch: string) => `SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKgood${call}${branch}`;
  peer.send(requestText({ method: 'INVITE', via: via('i') }), port);
  expectOk(await peer.nth(1));
  peer.send(requestText({ method: 'ACK', via: via('a'), toTag: 't1' }), port);
  peer.send(requestText({ method: 'BYE', via: via('b'), toTag: 't1', cseq: '2 BYE' }), port);
  expectOk(await peer.nth(2));
}

async function callByTcp(port: number, call: number): Promise<void> {
  await using peer = await streamPeer(port);
  const via = (branch: string) => `SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKgood${call}${branch}`;
  peer.write(requestText({ method: 'INVITE', via: via('ti') }));
  await peer.nth(1);
  peer.write(requestText({ method: 'ACK', via: via('ta'), toTag: 't1' }));
  peer.write(requestText({ method: 'BYE', via: via('tb'), toTag: 't1', cseq: '2 BYE' }));
  await peer.nth(2);
  for (const item of peer.items) {
    if (item.item !== 'message' || item.message.kind !== 'response' || item.message.status !== 200)
      throw new Error('A good call got something else than 200.');
  }
}

function expectOk(text: string): void {
  if (!text.startsWith('SIP/2.0 200 ')) throw new Error(`A good call got ${text.slice(0, 20)}.`);
}

async function within(work: Promise<void>, what: string): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${what} did not come about.`)), PATIENCE_MS);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
