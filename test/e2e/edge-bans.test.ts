// A scanner at the door of a running appliance: it hears nothing, the command line shows and lifts its ban, and the trail holds both.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { checkout, startAppliance } from '../support/appliance.ts';
import { SipPeer } from '../support/sip-peer.ts';

const SCANNER = '127.0.0.2';
const PROBE = (port: number, agent: string) =>
  [
    `OPTIONS sip:100@127.0.0.1:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP ${SCANNER}:5099;rport;branch=z9hG4bK${agent.length}${Date.now()}`,
    'Max-Forwards: 70',
    `From: "probe" <sip:100@1.1.1.1>;tag=${agent.length}`,
    'To: <sip:100@1.1.1.1>',
    `Call-ID: probe-${Date.now()}`,
    'CSeq: 1 OPTIONS',
    `User-Agent: ${agent}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');

t.setTimeout(300_000);
t.test('seen, lifted and on record', async (t) => {
  await using appliance = await startAppliance();
  const scanner = createSocket('udp4');
  scanner.bind(0, SCANNER);
  await once(scanner, 'listening');
  t.teardown(() => scanner.close());
  let heard = 0;
  scanner.on('message', () => heard++);
  const port = appliance.carrierUdpPort;
  t.equal(appliance.cli(['sip', 'bans']).stdout, 'Nobody is banned.\n');
  for (const agent of ['friendly-scanner', 'Example Phone']) {
    await new Promise((resolve) => scanner.send(PROBE(port, agent), port, '127.0.0.1', resolve));
  }

  const listed = async () => {
    for (let tries = 0; tries < 20; tries++) {
      const rows = JSON.parse(appliance.cli(['sip', 'bans', '--json']).stdout) as Array<Record<string, unknown>>;
      if (rows.length > 0) return rows;
    }
    return [];
  };
  t.match(await listed(), [{ address: SCANNER, reason: 'scanner', listener: 'carrier', covers: 'udp' }]);
  t.equal(heard, 0);
  const status = appliance.cli(['sip', 'status']).stdout;
  t.match(status, /listeners +phones tls 127\.0\.0\.1 port \d+\n/);
  t.match(status, /counters dropped scanner +1\n/);
  t.match(status, /connections +0\n/);

  // The sample clinic's carrier is this machine, whatever it calls itself.
  await using trunk = await SipPeer.udp(port);
  trunk.send(trunk.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
  t.ok(await trunk.takeNext());

  t.equal(appliance.cli(['sip', 'bans', '--lift', '192.0.2.1']).stderr, 'wardline: 192.0.2.1 is not banned.\n');
  t.equal(appliance.cli(['sip', 'bans', '--lift', SCANNER]).stdout, `The ban of ${SCANNER} is lifted.\n`);
  t.equal(appliance.cli(['sip', 'bans']).stdout, 'Nobody is banned.\n');

  const env = { ...process.env, WARDLINE_VAR: appliance.varFolder };
  const tracing = spawn(
    process.execPath,
    [join(checkout, 'src/cli/main.ts'), 'sip', 'trace', 'peer', '--seconds', '4'],
    { env },
  );
  t.teardown(() => tracing.kill('SIGKILL'));
  await once(tracing.stderr, 'data');
  let traced = '';
  tracing.stdout.on('data', (chunk: Buffer) => (traced += chunk.toString()));
  trunk.send(trunk.request('OPTIONS'));
  const [code] = await once(tracing, 'exit');
  t.equal(code, 0);
  t.match(traced, /OPTIONS sip:person-\d@/);
  t.notMatch(traced, 'Test Person');

  const { rows } = await appliance.withPerson((vault, caller) =>
    vault.ask('audit.page', { caller, page: { limit: 100 } }),
  );
  t.match(
    rows.find(({ action }) => action === 'source-banned'),
    { address: SCANNER, outcome: 'refused' },
  );
  t.match(
    rows.find(({ action }) => action === 'ban-lifted'),
    { actor: { kind: 'local' }, detail: SCANNER },
  );
  t.ok(rows.some(({ action }) => action === 'sip-trace-started'));
});
