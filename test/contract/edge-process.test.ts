// The edge as a process: its boot message, its control socket, its end, and what it says when it cannot start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinkClient } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { SipPeer } from '../support/sip-peer.ts';

const ENTRY = join(import.meta.dirname, '../../src/process/edge.ts');

async function boot(adminPort: number) {
  const runtimeFolder = mkdtempSync(join(tmpdir(), 'edge-'));
  const { certificate, key, ca } = await makeTestCertificate();
  const child = spawn(process.execPath, [ENTRY], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exited = once(child, 'exit');
  const message = {
    runtimeFolder,
    tokens: { main: 'main-token', controller: 'controller-token', cli: 'cli-token' },
    logLevel: 'silent',
    admin: { host: '127.0.0.1', port: adminPort },
    adminSecret: 'secret',
    listeners: [
      { name: 'phones', transport: 'tls', host: '127.0.0.1', port: 0 },
      { name: 'carrier', transport: 'udp', host: '127.0.0.1', port: 0 },
    ],
    tls: { certificate, key },
  };
  child.stdin.write(`${JSON.stringify(message)}\n`);
  t.teardown(() => {
    child.kill('SIGKILL');
    rmSync(runtimeFolder, { recursive: true, force: true });
  });
  return { child, exited, ca, socket: join(runtimeFolder, 'edge.sock'), said: () => said };
}

interface Status {
  readonly admin: { port: number };
  readonly listeners: ReadonlyArray<{ name: string; port: number }>;
}

function connect(path: string): LinkClient {
  const link = new LinkClient({ path, role: 'main', token: 'main-token', clock: systemClock });
  t.teardown(() => link[Symbol.dispose]());
  return link;
}

t.test('it tells its bound ports, takes a new certificate, and ends when told to', async (t) => {
  const { exited, socket, ca } = await boot(0);
  const link = connect(socket);
  const status = (await link.request('status')).payload as unknown as Status;
  t.ok(status.admin.port > 0);
  t.same(
    status.listeners.map(({ name }) => name),
    ['phones', 'carrier'],
  );
  const port = status.listeners[0]?.port ?? 0;
  const first = await SipPeer.tls(port, ca);
  await first[Symbol.asyncDispose]();
  const other = await makeTestCertificate();
  await link.request('certificate.set', { certificate: other.certificate, key: other.key });
  const second = await SipPeer.tls(port, other.ca);
  await second[Symbol.asyncDispose]();
  await t.rejects(link.request('certificate.set', {}), { code: 'bad-certificate' });
  await t.rejects(link.request('dance'), { code: 'unknown-request' });
  await link.request('drain');
  await link.request('shutdown');
  t.same(await exited, [0, null]);
});

t.test(
  'bans: the controller is told, the command line sees and lifts them; a trace goes to whoever asked',
  async (t) => {
    const { socket } = await boot(0);
    const status = (await connect(socket).request('status')).payload as unknown as Status;
    const told = Promise.withResolvers<unknown>();
    const controller = new LinkClient({
      ...{ path: socket, role: 'controller', token: 'controller-token', clock: systemClock },
      onNotice: ({ payload }, _link, type) => type === 'source-banned' && told.resolve(payload),
    });
    const traced = Promise.withResolvers<unknown>();
    const cli = new LinkClient({
      ...{ path: socket, role: 'cli', token: 'cli-token', clock: systemClock },
      onNotice: ({ payload }, _link, type) => type === 'trace.line' && traced.resolve(payload),
    });
    t.teardown(() => {
      for (const link of [controller, cli]) link[Symbol.dispose]();
    });
    await controller.request('status');
    const port = status.listeners.find(({ name }) => name === 'carrier')?.port ?? 0;
    const peer = await SipPeer.udp(port);
    t.teardown(() => peer[Symbol.asyncDispose]());
    await cli.request('trace.start', { aor: 'peer', seconds: 10 });
    peer.send(peer.request('OPTIONS'));
    t.match(await traced.promise, { line: /OPTIONS sip:person-1@/ });
    peer.send(peer.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
    t.match(await told.promise, { address: '127.0.0.1', reason: 'scanner', listener: 'carrier' });
    t.match((await cli.request('bans.list')).payload, [{ address: '127.0.0.1', covers: 'udp' }]);
    t.same((await cli.request('bans.lift', { address: '127.0.0.1' })).payload, { wasBanned: true });
    t.same((await cli.request('bans.list')).payload, []);
    await t.rejects(cli.request('trace.start', { aor: 'peer', seconds: 0 }), { code: 'bad-seconds' });
    await t.rejects(controller.request('bans.exempt', { addresses: ['x'] }), { code: 'bad-address' });
    await controller.request('bans.exempt', { addresses: ['127.0.0.1'] });
    peer.send(peer.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
    await peer.takeResponse(503, 'OPTIONS');
  },
);

t.test('it ends when its supervisor does', async (t) => {
  const { child, exited, socket } = await boot(0);
  const link = connect(socket);
  await link.request('status');
  child.stdin.end();
  t.same(await exited, [0, null]);
});

t.test('a port that is taken: one sentence that says what to do, and exit code 78', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { exited, said } = await boot(port);
  t.same(await exited, [78, null]);
  t.match(
    said(),
    new RegExp(`^wardline: Cannot listen at 127\\.0\\.0\\.1:${port} for .*another port in the configuration\\.\\n$`),
  );
  holder.close();
});
