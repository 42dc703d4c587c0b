// Whether the appliance's ports can be had: free when it is not running, its own when it is.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Bootstrap } from '../../config/bootstrap.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Check } from './checks.ts';
import { verdicts } from './checks.ts';

export async function checkPorts({ listeners, console }: Bootstrap, isRunning: boolean): Promise<Check[]> {
  const wanted = [
    ...listeners
      .filter((listener) => listener.port !== 0)
      .map(({ name, transport, host, port }) => ({ name: `${name} ${transport}`, transport, host, port })),
    { name: 'console', transport: 'tcp', ...console },
  ];
  return Promise.all(
    wanted.map(async ({ name, transport, host, port }) => {
      const fault = await (transport === 'udp' ? tryUdp(host, port) : tryTcp(host, port));
      const title = `port ${name}`;
      if (fault === 'EADDRINUSE' && isRunning)
        return verdicts.ok(title, `${host}:${port} is in use, by the running appliance.`);
      if (fault === undefined && isRunning)
        return verdicts.problem(title, `${host}:${port} should be open and is not; look into the logs folder.`);
      if (fault === undefined) return verdicts.ok(title, `${host}:${port} is free.`);
      return verdicts.problem(
        title,
        `${host}:${port} cannot be had (${fault}); free it or change it in the bootstrap file.`,
      );
    }),
  );
}

function tryTcp(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function tryUdp(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => {
      socket.close();
      resolve(codeOf(error));
    });
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}
