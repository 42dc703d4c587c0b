// A port for programs that cannot ask the kernel for one: below those that the kernel gives out, so that nobody gets it in between.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 10_000;
const LAST = 20_000;

/** An even port of `host` that nobody has at this moment. */
export async function freePort(transport: 'udp' | 'tcp', host: string): Promise<number> {
  for (;;) {
    const port = 2 * randomInt(FIRST / 2, LAST / 2);
    if (await isFree(transport, host, port)) return port;
  }
}

async function isFree(transport: 'udp' | 'tcp', host: string, port: number): Promise<boolean> {
  const socket = transport === 'udp' ? createSocket('udp4').bind(port, host) : createServer().listen(port, host);
  try {
    await once(socket, 'listening');
  } catch {
    return false;
  }
  socket.close();
  await once(socket, 'close');
  return true;
}
