// The least that any media server does: receive, unprotect, protect, send. The comparator of every run; no jitter buffer, no clock, no recording.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { SrtpReceiver, SrtpSender } from '../../../src/protocol/rtp/srtp.ts';
import type { SrtpSuite } from '../../../src/protocol/rtp/srtp-suite.ts';

export interface RelaySide {
  /** Where the party is. */
  readonly port: number;
  readonly suite: SrtpSuite;
  /** The party's key, and ours toward it. */
  readonly receive: Uint8Array;
  readonly send: Uint8Array;
}

/** A call's two sides; answered with the ports that they are to send to. */
export type RelayCall = readonly [RelaySide, RelaySide];

const HOST = '127.0.0.1';
const ROOM = 32;

async function open() {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
  const listening = once(socket, 'listening');
  socket.bind({ address: HOST, port: 0 });
  await listening;
  return socket;
}

async function relay(sides: RelayCall): Promise<number[]> {
  const sockets = [await open(), await open()] as const;
  for (const [i, side] of sides.entries()) {
    const other = sides[1 - i] ?? side;
    const [receiver, sender] = [new SrtpReceiver(side.suite, side.receive), new SrtpSender(other.suite, other.send)];
    const [from, to] = i === 0 ? sockets : [sockets[1], sockets[0]];
    from.on('message', (packet) => {
      const length = receiver.unprotect(packet, packet.length);
      if (length === 0) return;
      const out = Buffer.allocUnsafe(length + ROOM);
      packet.copy(out, 0, 0, length);
      to.send(out, 0, sender.protect(out, length), other.port, HOST);
    });
  }
  return sockets.map((socket) => socket.address().port);
}

process.on('message', (call: RelayCall) => void relay(call).then((ports) => process.send?.(ports)));
process.on('disconnect', () => process.exit(0));
