// sipp, which nobody here wrote, as a carrier: many calls at once over UDP and TCP, answered by drachtio-srf through the edge.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP } from '../support/sip-peer.ts';

const SIPP = 'sipp';
const CALLS = 60;
const hasSipp = spawnSync(SIPP, ['-v']).error === undefined;
const skip = hasSipp ? false : 'sipp is missing: install the package sip-tester';

t.test(
  `${CALLS} calls at once over UDP, then over TCP: all are answered and hung up, and nothing stays behind`,
  { skip },
  async (t) => {
    await using bench = await edgeBench();
    const srf = await bench.srf();
    srf.use('invite', (req, res) => {
      res.send(180);
      void srf.createUAS(req, res, { localSdp: SDP });
    });
    await bench.routed(['invite']);
    const folder = mkdtempSync(join(tmpdir(), 'sipp-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, flag] of [
      ['udp', 'u1'],
      ['tcp', 't1'],
    ] as const) {
      const load = ['-m', String(CALLS), '-r', String(CALLS), '-l', String(CALLS), '-d', '300', '-timeout', '30'];
      const target = `127.0.0.1:${bench.port(`carrier/${name}`)}`;
      const sipp = spawn(SIPP, ['-sn', 'uac', '-t', flag, ...load, '-i', '127.0.0.1', '-nostdin', target], {
        cwd: folder,
        stdio: 'ignore',
      });
      t.same(await once(sipp, 'exit'), [0, null], `sipp over ${name} saw no call fail`);
      const { dialogs, pendingIn, pendingOut, counters } = bench.edge.status();
      t.same({ dialogs, pendingIn, pendingOut }, { dialogs: 0, pendingIn: 0, pendingOut: 0 });
      t.same(counters.faults, {});
    }
    if (!bench.has('inside-unseen')) t.ok(bench.edge.status().counters.serverTransactions >= 4 * CALLS);
  },
);
