// A whole media server under fire: a party of the test's own throws bytes at its call's port and at the event socket; then a good call has to work.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { dominantFrequency } from './listen.ts';
import type { FsmrfEndpoint, MediaBench } from './media-bench.ts';
import { mediaBench, SECRET } from './media-bench.ts';
import type { FuzzTarget } from './media-fuzz.ts';
import { loadInputs, mutateBytes } from './media-fuzz.ts';
import type { Seeded } from './seeded.ts';

const HOST = '127.0.0.1';
const HZ = 440;
const PACKETS: readonly FuzzTarget[] = ['rtp', 'rtcp', 'srtp', 'srtcp', 'stun', 'dtls'];
const DEADLINE_MS = 20_000;

/** How a party's offer says that its audio is protected. */
const PROTECTIONS: Readonly<Record<string, (port: number) => string[]>> = {
  plain: (port) => [`m=audio ${port} RTP/AVP 0 101`, 'a=rtpmap:101 telephone-event/8000'],
  sdes: (port) => [
    `m=audio ${port} RTP/xAVP 0`,
    `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${randomBytes(30).toString('base64')}`,
    'a=rtcp-mux',
  ],
  dtls: (port) => [
    `m=audio ${port} UDP/TLS/RTP/xAVPF 0`,
    'a=setup:active',
    `a=fingerprint:sha-256 ${'AB:'.repeat(31)}AB`,
    'a=ice-ufrag:fuzz',
    'a=ice-pwd:abcdefghijklmnopqrstuvwx',
    `a=candidate:1 1 udp 2130706431 ${HOST} ${port} typ host`,
    'a=rtcp-mux',
  ],
};
export const PARTIES = Object.keys(PROTECTIONS);

export interface FuzzedServer extends AsyncDisposable {
  /** A call of this protection whose port is sent `count` mutated datagrams; then it is hung up. */
  throwAtCall(party: string, count: number): Promise<void>;
  /** `count` mutated streams to the event socket, each on a connection of its own, with and without the password. */
  throwAtEventSocket(count: number): Promise<void>;
  /** What is wrong with the next good call, if anything. */
  goodCall(): Promise<string | undefined>;
  /** What is left of all that, if anything: calls, or ports that were never given back. */
  leftOver(): Promise<string | undefined>;
}

export async function fuzzedServer(random: Seeded): Promise<FuzzedServer> {
  const bench = await mediaBench();
  const packets = PACKETS.flatMap(loadInputs);
  const streams = loadInputs('commands');
  return {
    throwAtCall: (party, count) =>
      throwAtCall(
        bench,
        party,
        Array.from({ length: count }, () => mutateBytes(random, packets)),
      ),
    async throwAtEventSocket(count) {
      for (let n = 0; n < count; n++)
        await throwAtEventSocket(bench, mutateBytes(random, streams), random.below(2) === 0);
    },
    goodCall: () => goodCall(bench),
    leftOver: () => leftOver(bench),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

async function throwAtCall(bench: MediaBench, party: string, packets: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  try {
    const endpoint = await bench.ms.createEndpoint({ remoteSdp: offerOf(party, socket.address().port) });
    const port = Number(/m=audio (\d+)/.exec(endpoint.local.sdp)?.[1]);
    for (const [n, packet] of packets.entries()) {
      await send(socket, packet, port);
      if (n % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await hangUp(endpoint);
  } finally {
    socket.close();
  }
}

function offerOf(party: string, port: number): string {
  const media = PROTECTIONS[party]?.(port) ?? [];
  return `${['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0', ...media].join('\r\n')}\r\n`;
}

function send(socket: Socket, packet: Buffer, port: number): Promise<void> {
  return new Promise((resolve) => socket.send(packet, port, HOST, () => resolve()));
}

async function hangUp(endpoint: FsmrfEndpoint): Promise<void> {
  await endpoint.destroy();
}

async function throwAtEventSocket(bench: MediaBench, bytes: Buffer, knowsSecret: boolean): Promise<void> {
  const socket = connect(bench.server.eventSocket.port, HOST);
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  if (knowsSecret) socket.write(`auth ${SECRET}\n\n`);
  socket.end(bytes);
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 50))]);
  socket.destroy();
}

async function goodCall(bench: MediaBench): Promise<string | undefined> {
  const { phone, endpoint } = await bench.call('required');
  const playing = endpoint.play(`tone_stream://%(20000,0,${HZ})`);
  let heard: number | undefined;
  for (let tries = 0; tries < 50 && heard !== HZ; tries++) heard = dominantFrequency(await phone.listen(100), 8000);
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
  await hangUp(endpoint);
  phone[Symbol.dispose]();
  return heard === HZ ? undefined : `a good call heard ${heard} Hz`;
}

async function leftOver(bench: MediaBench): Promise<string | undefined> {
  const endsAt = performance.now() + DEADLINE_MS;
  for (;;) {
    const { calls, mediaPortsInUse } = bench.server.status();
    if (calls === 0 && mediaPortsInUse === 0) return undefined;
    if (performance.now() > endsAt) return `${calls} calls, ${mediaPortsInUse} ports`;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
