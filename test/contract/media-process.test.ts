// The media server as a process: its boot message, its control socket, its end, and what it says when it cannot start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinkClient } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';

const ENTRY = join(import.meta.dirname, '../../src/process/media.ts');
const HOST = '127.0.0.1';
/** A machine that does much else is slow to start a process. */
const START_MS = 60_000;

function boot(eventSocketPort: number, rtpHost = HOST) {
  const runtimeFolder = mkdtempSync(join(tmpdir(), 'media-'));
  const child = spawn(process.execPath, [ENTRY], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exited = once(child, 'exit');
  const message = {
    runtimeFolder,
    tokens: { main: 'main-token' },
    logLevel: 'silent',
    eventSocket: { host: HOST, port: eventSocketPort },
    eventSocketSecret: 'secret',
    sip: { host: HOST, port: 0 },
    rtpHost,
    rtpPorts: { first: 0, last: 0 },
    soundsFolder: runtimeFolder,
    spoolFolder: join(runtimeFolder, 'spool'),
    sealSocket: join(runtimeFolder, 'vault.sock'),
    sealToken: 'seal-token',
  };
  child.stdin.write(`${JSON.stringify(message)}\n`);
  t.teardown(() => {
    child.kill('SIGKILL');
    rmSync(runtimeFolder, { recursive: true, force: true });
  });
  const link = new LinkClient({
    path: join(runtimeFolder, 'media.sock'),
    role: 'main',
    token: 'main-token',
    clock: systemClock,
  });
  t.teardown(() => link[Symbol.dispose]());
  return { child, exited, link, said: () => said };
}

t.test('it tells its bound ports, drains, refuses what it does not know, and ends when told to', async (t) => {
  const { exited, link } = boot(0);
  const { payload } = await link.request('status', null, undefined, START_MS);
  t.match(payload, { sip: { host: HOST, port: Number }, eventSocket: { port: Number }, calls: 0, isDraining: false });
  t.match((await link.request('drain')).payload, { isDraining: true });
  await t.rejects(link.request('dance'), { code: 'unknown-request' });
  await link.request('shutdown');
  t.same(await exited, [0, null]);
});

t.test('it ends when its supervisor does', async (t) => {
  const { child, exited, link } = boot(0);
  await link.request('status', null, undefined, START_MS);
  child.stdin.end();
  t.same(await exited, [0, null]);
});

t.test('a port that is taken is said in one sentence, and nobody need start it again', async (t) => {
  const taken = createServer().listen(0, HOST);
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const address = taken.address();
  const { exited, said } = boot(address !== null && typeof address === 'object' ? address.port : 0);
  t.same(await exited, [78, null]);
  t.match(said(), /^wardline: The media server needs .* something else listens on one of them.*\n$/);
});

t.test('an audio address that is not this machine’s, or none at all, is said in one sentence', async (t) => {
  const far = boot(0, '192.0.2.77');
  t.same(await far.exited, [78, null]);
  t.match(far.said(), /^wardline: Audio is to come to 192\.0\.2\.77, which is no address of this machine; .*\n$/);
  const any = boot(0, '0.0.0.0');
  t.same(await any.exited, [78, null]);
  t.match(any.said(), /^wardline: Phones cannot send audio to 0\.0\.0\.0; .*\n$/);
});
