// A media server that runs already, in the place of the embedded one: WARDLINE_TEST_FREESWITCH=host:port:secret.
import { connect } from 'node:net';
import type { MediaServer } from '../../src/engine/media-server/media-server.ts';
import type { NamedServer } from './named-server.ts';

/** What a test asks of a media server. The inside of another is not seen: its status tells of nothing left over. */
export async function namedMediaServer(server: NamedServer): Promise<MediaServer> {
  const { host, port } = server;
  const [, sipPort] = /sip:mod_sofia@[\d.]+:(\d+)/.exec(await askApi(server, 'sofia status')) ?? [];
  if (sipPort === undefined) throw new Error('The named media server has no SIP profile.');
  const sip = { host, port: Number(sipPort) };
  const counts = {
    calls: 0,
    callsSinceStart: 0,
    mediaPortsInUse: 0,
    workers: 0,
    workersLost: 0,
    skippedTicks: 0,
    worstTickDelayMs: 0,
    sipFaults: 0,
    packetsFlooded: 0,
  };
  const status = { eventSocket: { host, port }, sip, rtpHost: host, isDraining: false, ...counts };
  const close = async () => {
    await askApi(server, 'hupall');
  };
  return {
    eventSocket: status.eventSocket,
    sip,
    status: () => status,
    drain: async () => {},
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One `api` command on a connection of its own; answers its body. */
async function askApi({ host, port, secret }: NamedServer, command: string): Promise<string> {
  const socket = connect(port, host);
  socket.write(`auth ${secret}\n\napi ${command}\n\n`);
  let heard = '';
  for await (const chunk of socket) {
    heard += String(chunk);
    const [, length, body = ''] = /api\/response\nContent-Length: (\d+)\n\n([\s\S]*)$/.exec(heard) ?? [];
    if (length !== undefined && Buffer.byteLength(body) >= Number(length)) return body;
  }
  throw new Error(`The named media server does not answer: ${heard}`);
}
