// A server of drachtio's wire that runs already, in the place of the embedded edge: WARDLINE_TEST_DRACHTIO=host:port:secret.
import { once } from 'node:events';
import { connect } from 'node:net';
import { EdgeCounters } from '../../src/engine/edge/counters.ts';
import type { Edge, EdgeListenerOptions, EdgeStatus } from '../../src/engine/edge/edge.ts';
import type { SipTransport } from '../../src/engine/runtime/sip-stack.ts';
import { FrameReader } from '../../src/protocol/drachtio-wire/frame.ts';
import type { NamedServer } from './named-server.ts';

/** What a test asks of an edge. The inside of another server is not seen: its status tells of nothing left over. */
export async function namedEdge(server: NamedServer): Promise<Edge> {
  const { host, port } = server;
  const listeners = namesOf(await askListeners(server));
  const status: EdgeStatus = {
    admin: { host, port },
    listeners,
    routes: {},
    ...{ applications: 0, dialogs: 0, pendingIn: 0, pendingOut: 0, registeredConnections: 0, banned: 0 },
    ...{ connections: 0, handshakes: 0, waitingConnections: 0 },
    isDraining: false,
    counters: new EdgeCounters().snapshot(),
  };
  return {
    admin: status.admin,
    adminTls: undefined,
    listeners,
    status: () => status,
    drain: () => {},
    setCertificate: () => {},
    bans: () => [],
    liftBan: () => false,
    exempt: () => {},
    trace: () => ({ [Symbol.dispose]: () => {} }),
    close: async () => {},
  };
}

/** The fourth field of the reply to `authenticate`: `tcp/127.0.0.1:5060,udp/127.0.0.1:5060`. */
async function askListeners({ host, port, secret }: NamedServer): Promise<string> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  const payload = `m|authenticate|${secret}|`;
  socket.write(`${Buffer.byteLength(payload)}#${payload}`);
  const reader = new FrameReader();
  for await (const chunk of socket) {
    for (const frame of reader.push(chunk as Buffer).payloads) {
      const [, , , status, hostPorts = ''] = frame.toString().split('|');
      if (status !== 'OK') throw new Error('The named server does not take the secret.');
      return hostPorts;
    }
  }
  throw new Error('The named server closed the connection.');
}

/** The lowest port of each transport is the carriers', a second of UDP the inner one, TLS the phones'. */
function namesOf(hostPorts: string): EdgeListenerOptions[] {
  const all = [...hostPorts.matchAll(/(udp|tcp|tls)\/([\d.]+):(\d+)/g)]
    .map(([, transport, host = '', port]) => ({ transport: transport as SipTransport, host, port: Number(port) }))
    .sort((a, b) => a.port - b.port);
  return all.map((each, index) => {
    const isSecond = all.slice(0, index).some(({ transport }) => transport === each.transport);
    return { ...each, name: each.transport === 'tls' ? 'phones' : isSecond ? 'inner' : 'carrier' };
  });
}
