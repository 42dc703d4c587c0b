// Certificates are renewed while the box runs: a vault, an edge and the console's server stand for two years in moved time.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { pino } from 'pino';
import t from 'tap';
import { createApi } from '../../src/api/server.ts';
import { createEdge } from '../../src/engine/edge/edge.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { CertificateWatch, type TlsMaterial } from '../../src/ops/certificate-watch.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { makeVault, newFolders } from '../support/vault-bench.ts';

const DAY_MS = 24 * 3_600_000;
const logger = pino({ level: 'silent' });
const place = { host: '127.0.0.1', port: 0 };

t.test('for two years no listener ever shows a certificate that has expired, and all are of the one CA', async (t) => {
  const clock = new HurriedClock();
  await using vault = await openVault(clock);
  const get = async (name: 'sip' | 'console') =>
    (await vault.answer('tls.get', { name }, new Uint8Array(), { role: 'controller' })).answer;
  const [sip, console] = [await get('sip'), await get('console')];
  const edge = await createEdge({
    admin: place,
    secret: 'cymru',
    listeners: (['tls', 'wss'] as const).map((transport) => ({ name: 'phones', transport, ...place })),
    tls: sip,
    clock: systemClock,
    logger,
  });
  t.teardown(() => edge.close());
  const api = await createApi({
    vault: {} as Vault,
    clock: systemClock,
    address: place,
    tls: console,
    hostName: 'localhost',
    consoleFolder: '/nowhere',
    logger,
    status: () => ({ ok: true, parts: {} }),
  });
  t.teardown(() => api.close());
  using _edge = new CertificateWatch({
    first: sip,
    get: () => get('sip'),
    hand: (tls) => edge.setCertificate(tls),
    clock,
    logger,
  });
  using _api = new CertificateWatch({
    first: console,
    get: () => get('console'),
    hand: api.setCertificate,
    clock,
    logger,
  });
  const ports = [...edge.listeners.map(({ port }) => port), Number(new URL(api.url).port)];
  const ca = new X509Certificate(sip.ca);
  const shown = new Set<string>();
  for (let month = 0; month < 25; month++) {
    clock.hurry(30 * DAY_MS);
    for (const port of ports) {
      const isGood = async () => {
        const leaf = await leafAt(port);
        shown.add(leaf.fingerprint256);
        return leaf.validToDate.getTime() > clock.now() && leaf.verify(ca.publicKey);
      };
      // The vault looks daily and the watches hourly; an hour may have to pass before the new one is here.
      for (let hours = 0; !(await isGood()); hours++) {
        if (hours > 48) throw new Error(`Month ${month}: an expired certificate is still shown.`);
        clock.hurry(3_600_000);
      }
    }
  }
  t.ok(shown.size >= 4, `SIP's and the console's, each renewed: ${shown.size} certificates`);
  t.ok(new Date(clock.now()).getFullYear() - new Date().getFullYear() >= 2);
});

t.test(
  'what cannot be handed over just now is handed over the next time; nothing is when nothing changed',
  async (t) => {
    const clock = new ManualClock();
    const handed: string[] = [];
    let isAway = true;
    let certificate = 'first';
    const next = Promise.withResolvers<void>();
    using watch = new CertificateWatch({
      first: { certificate: 'first', key: 'k' },
      get: async () => ({ certificate, key: 'k' }),
      hand: async (tls: TlsMaterial) => {
        if (isAway) throw new Error('the edge is starting');
        handed.push(tls.certificate);
        next.resolve();
      },
      clock,
      logger,
    });
    const hour = async () => {
      clock.advance(3_600_000);
      while (clock.pending === 0) await new Promise(setImmediate);
    };
    await hour();
    t.same(handed, []);
    certificate = 'second';
    await hour();
    t.same(handed, []);
    t.equal(watch.current.certificate, 'second', 'an edge that starts again has it anyway');
    isAway = false;
    await hour();
    await next.promise;
    await hour();
    t.same(handed, ['second']);
  },
);

async function openVault(clock: Clock) {
  const folders = newFolders();
  await makeVault(folders, clock);
  t.teardown(() => folders[Symbol.dispose]());
  return OpenVault.open({ ...folders, clock, log: logger, startLocked: false, canResume: false });
}

async function leafAt(port: number): Promise<X509Certificate> {
  // The new ones are not valid yet by the machine's own clock.
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const leaf = socket.getPeerX509Certificate();
  socket.destroy();
  if (leaf === undefined) throw new Error('No certificate was shown.');
  return leaf;
}
