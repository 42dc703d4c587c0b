// The links between our processes: whole frames out of split bytes, deadlines, tokens, and a restart of the peer.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinkClient } from '../../src/ipc/client.ts';
import { encodeFrame, FrameReader } from '../../src/ipc/frame.ts';
import type { Handler } from '../../src/ipc/link.ts';
import { LinkServer } from '../../src/ipc/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { codeOf, WardlineError } from '../../src/kernel/errors.ts';

const echo: Handler = ({ payload, body }, _link, type) => {
  if (type === 'never') return new Promise(() => {});
  if (type === 'refuse') throw new WardlineError('refused', 'Not today.');
  return { payload, body };
};

function socketPath(t: { teardown(action: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-ipc-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'peer.sock');
}

t.test('a frame split at any byte comes out whole, and two in one chunk come out in order', async (t) => {
  const first = encodeFrame({ kind: 'notice', type: 'a', payload: { text: 'grün' } }, Buffer.from([1, 2, 3]));
  const second = encodeFrame({ kind: 'reply', id: 7, payload: null });
  const both = Buffer.concat([first, second]);
  for (let at = 0; at <= both.length; at++) {
    const reader = new FrameReader();
    const frames = [reader.push(both.subarray(0, at)), reader.push(both.subarray(at))].flat();
    t.equal(frames.length, 2, `split at ${at}`);
  }
});

t.test('bytes that are no frame are a fault, never an exception', async (t) => {
  t.equal(new FrameReader().push(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'fault');
  t.equal(new FrameReader().push(Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 120])), 'fault');
});

t.test(
  'a request is answered with its body; a refusal arrives with code and sentence; silence ends at the deadline',
  async (t) => {
    const path = socketPath(t);
    const server = await LinkServer.listen({ path, tokens: { tester: 'secret' }, clock: systemClock, onRequest: echo });
    const client = new LinkClient({ path, role: 'tester', token: 'secret', clock: systemClock });
    t.teardown(async () => {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    });
    const answer = await client.request('echo', { n: 1 }, Buffer.from('sound'));
    t.same(answer.payload, { n: 1 });
    t.equal(Buffer.from(answer.body).toString(), 'sound');
    await t.rejects(client.request('refuse'), { code: 'refused', message: 'Not today.' });
    await t.rejects(client.request('never', null, undefined, 20), { code: 'deadline' });
  },
);

t.test('a wrong token, an unknown role and a request before the hello get nothing', async (t) => {
  const path = socketPath(t);
  const server = await LinkServer.listen({ path, tokens: { tester: 'secret' }, clock: systemClock, onRequest: echo });
  t.teardown(() => server[Symbol.asyncDispose]());
  for (const [role, token] of [
    ['tester', 'wrong'],
    ['stranger', 'secret'],
  ] as const) {
    const client = new LinkClient({ path, role, token, clock: systemClock });
    const failure = await client.request('echo', 1, undefined, 300).catch((thrown: unknown) => thrown);
    t.match(codeOf(failure), /link-closed|deadline/, role);
    client[Symbol.dispose]();
  }
  const raw = connect(path);
  raw.write(encodeFrame({ kind: 'request', id: 1, type: 'echo', payload: 1 }));
  const received: Buffer[] = [];
  raw.on('data', (chunk) => received.push(chunk));
  await new Promise((resolve) => raw.once('close', resolve));
  t.equal(Buffer.concat(received).length, 0);
});

t.test('a request made while the peer restarts waits for it', async (t) => {
  const path = socketPath(t);
  const listen = () => LinkServer.listen({ path, tokens: { tester: 'secret' }, clock: systemClock, onRequest: echo });
  const first = await listen();
  const lost = Promise.withResolvers<void>();
  const client = new LinkClient({ path, role: 'tester', token: 'secret', clock: systemClock, onDown: lost.resolve });
  await client.request('echo', 1);
  await first[Symbol.asyncDispose]();
  await lost.promise;
  const answer = client.request('echo', 2);
  const second = await listen();
  t.equal((await answer).payload, 2);
  client[Symbol.dispose]();
  await second[Symbol.asyncDispose]();
});
