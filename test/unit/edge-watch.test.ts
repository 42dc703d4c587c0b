// The controller's eye on the edge: carriers' addresses are told on connect and after a change, and a ban is put on record.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { LinkServer } from '../../src/ipc/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { EdgeWatch } from '../../src/ops/edge-watch.ts';
import type { Vault } from '../../src/vault/contract.ts';

t.test('carriers are exempt, bans are audited', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'edge.sock');
  const asked: unknown[] = [];
  const told = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = await LinkServer.listen({
    path: socket,
    tokens: { controller: 'token' },
    clock: systemClock,
    onRequest: ({ payload }, _link, type) => {
      asked.push([type, payload]);
      told[asked.length - 1]?.resolve();
      return { payload: {} };
    },
  });
  const audited = Promise.withResolvers<unknown>();
  let addresses = ['192.0.2.7'];
  let notice: ((notice: { type: string; payload: null }) => void) | undefined;
  const vault = {
    ask: async (operation: string, ask: unknown) => {
      if (operation === 'audit.put') audited.resolve(ask);
      return { clinic: { trunks: [{ addresses }] } };
    },
    onNotice(listener: typeof notice) {
      notice = listener;
      return { [Symbol.dispose]: () => {} };
    },
  } as unknown as Vault;
  using _watch = new EdgeWatch({
    socket,
    token: 'token',
    vault,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  });
  await told[0]?.promise;
  addresses = ['192.0.2.7', '198.51.100.0/24'];
  notice?.({ type: 'clinic.changed', payload: null });
  await told[1]?.promise;
  t.same(asked, [
    ['bans.exempt', { addresses: ['192.0.2.7'] }],
    ['bans.exempt', { addresses: ['192.0.2.7', '198.51.100.0/24'] }],
  ]);
  for (const link of server.links) {
    link.notify('source-banned', { address: '203.0.113.9', reason: 'scanner', listener: 'carrier' });
  }
  t.match(await audited.promise, {
    entry: { action: 'source-banned', address: '203.0.113.9', outcome: 'refused', detail: 'scanner on carrier' },
  });
});
