// The range of media ports: even ports, taken ones stepped over, none twice, and a clear word when all are in use.

import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import t from 'tap';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { codeOf, sentenceOf } from '../../src/kernel/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';

const HOST = '127.0.0.1';

/** A socket of somebody else, on an even port that leaves room for the range behind it. */
async function somebodyElse(): Promise<Socket> {
  for (;;) {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    const { port } = socket.address();
    if (port % 2 === 0 && port < 65_000) return socket;
    socket.close();
  }
}

t.test('a range gives its even ports, steps over a taken one, and says when it is used up', async (t) => {
  const other = await somebodyElse();
  const taken = other.address().port;
  const clock = new ManualClock();
  const ports = createMediaPorts({ address: HOST, first: taken - 1, last: taken + 5, clock });
  t.teardown(async () => {
    other.close();
    await ports[Symbol.asyncDispose]();
  });
  const opened = await Promise.all([ports.open(), ports.open()]);
  t.same(opened.map(({ local }) => local.port).sort(), [taken + 2, taken + 4]);
  const failure = await ports.open().catch((error: unknown) => error);
  t.equal(codeOf(failure), 'media-ports-exhausted');
  t.match(sentenceOf(failure), /widen the range/);
  opened[0]?.[Symbol.dispose]();
  await t.rejects(ports.open(), 'a port that was just given back rests');
  clock.advance(1_000);
  await new Promise(setImmediate);
  t.equal((await ports.open()).local.port, opened[0]?.local.port, 'and is given again after a second of silence');
});

t.test('an address that is not ours is reported as it is, at once', async (t) => {
  const ports = createMediaPorts({ address: '192.0.2.1', first: 0, last: 0, clock: new ManualClock() });
  t.equal(codeOf(await ports.open().catch((error: unknown) => error)), 'EADDRNOTAVAIL');
});

t.test('sending where nothing can go is counted, not thrown', async (t) => {
  await using ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: new ManualClock() });
  const socket = await ports.open();
  socket.send(new Uint8Array(10), 10, HOST, 0);
  socket.send(new Uint8Array(10), 10, '255.255.255.255', 4000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(socket.sendErrors, 2);
});
