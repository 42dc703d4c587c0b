// `wardline doctor` before a real appliance: each finding is provoked once, and what it advises mends it.
import { chmodSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { checkCoreDumps, checkSwap } from '../../src/ops/doctor/checks.ts';
import { mediaChecks } from '../../src/ops/doctor/media-checks.ts';
import type { Appliance } from '../support/appliance.ts';
import { startAppliance } from '../support/appliance.ts';

t.setTimeout(300_000);

interface Finding {
  readonly name: string;
  readonly verdict: string;
  readonly sentence: string;
}

function finding(appliance: Appliance, name: string): Finding | undefined {
  const { stdout, stderr } = appliance.cli(['doctor', '--json']);
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as Finding[]).find((each) => each.name === name);
}

t.test('swap and core dumps, from the words of the kernel', async (t) => {
  const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
  t.equal(checkSwap(header).verdict, 'ok');
  t.match(checkSwap(`${header}/dev/sda2 partition 1 0 -2\n`), { verdict: 'problem', sentence: /swapoff -a/ });
  t.equal(checkSwap(`${header}/swap\\040file file 1 0 -2\n`).verdict, 'problem');
  t.equal(checkSwap(`${header}/dev/zram0 partition 1 0 5\n`).verdict, 'warning');
  t.equal(checkSwap(`${header}/dev/dm-1 partition 1 0 5\n/dev/sdb1 partition 1 0 5\n`).verdict, 'problem');
  const limits = 'Limit                     Soft Limit           Hard Limit           Units     \n';
  t.equal(
    checkCoreDumps(`${limits}Max core file size        0                    unlimited            bytes     \n`).verdict,
    'ok',
  );
  t.match(checkCoreDumps(`${limits}Max core file size        unlimited            unlimited            bytes     \n`), {
    verdict: 'warning',
    sentence: /ulimit -c 0/,
  });
});

t.test('floods and lost threads are told with what to do', async (t) => {
  const checks = mediaChecks({ workers: 2, workersLost: 1, packetsFlooded: 4000 });
  t.match(checks, [
    { name: 'audio threads', verdict: 'warning', sentence: /1 died or hung/ },
    { name: 'audio floods', verdict: 'warning', sentence: /4000 packets .* `wardline call list --json` names/ },
  ]);
  t.same(
    mediaChecks({ workers: 2, workersLost: 0, packetsFlooded: 0 }).map(({ verdict }) => verdict),
    ['ok', 'ok'],
  );
});

t.test('the key file, the first secrets, the sample carrier, a new name, a port that somebody has', async (t) => {
  let appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  const keys = join(appliance.varFolder, 'keys');

  t.match(finding(appliance, 'first secrets'), { verdict: 'problem', sentence: /delete that file/ });
  unlinkSync(join(keys, 'FIRST-START-SECRETS.txt'));
  t.match(finding(appliance, 'first secrets'), { verdict: 'ok' });

  chmodSync(join(keys, 'wardline.key'), 0o640);
  t.match(finding(appliance, 'key file'), { verdict: 'problem', sentence: /has mode 640; run chmod 400/ });
  chmodSync(join(keys, 'wardline.key'), 0o400);
  t.match(finding(appliance, 'key file'), { verdict: 'ok' });

  t.match(finding(appliance, 'sample trunk'), { verdict: 'problem', sentence: /wardline import/ });
  const clinic = join(appliance.varFolder, 'clinic.yaml');
  writeFileSync(clinic, appliance.cli(['export']).stdout);
  t.equal(appliance.cli(['import', clinic, '--yes']).status, 0);
  t.match(finding(appliance, 'sample trunk'), { verdict: 'ok' });

  t.match(finding(appliance, 'certificate sip'), { verdict: 'ok' });
  const file = join(appliance.varFolder, 'wardline.yaml');
  const renamed = readFileSync(file, 'utf8').replace('host-name: localhost', 'host-name: phones.clinic.test');
  writeFileSync(file, renamed);
  t.match(finding(appliance, 'certificate sip'), {
    verdict: 'problem',
    sentence: /does not name phones\.clinic\.test/,
  });
  t.match(finding(appliance, 'appliance'), { verdict: 'ok' });
  t.match(finding(appliance, 'audio floods'), { verdict: 'ok' });
  t.match(finding(appliance, 'audio threads'), { verdict: 'ok', sentence: /none was lost/ });
  t.match(appliance.cli(['media', 'status']).stdout, /packets flooded +0/);
  await appliance.stop();
  t.match(finding(appliance, 'appliance'), { verdict: 'warning', sentence: /wardline start/ });

  appliance = await appliance.restart();
  t.match(finding(appliance, 'certificate sip'), { verdict: 'ok' }, 'the restart that it advised has mended it');
  t.match(finding(appliance, 'certificate console'), { verdict: 'ok' });
  t.match(finding(appliance, 'private CA'), { verdict: 'ok' });
  await appliance.stop();

  const { port, close } = await taken();
  writeFileSync(file, renamed.replace('phones: { tls: 0 }', `phones: { tls: ${port} }`));
  t.match(finding(appliance, 'port phones tls'), {
    verdict: 'problem',
    sentence: /cannot be had \(EADDRINUSE\); free it/,
  });
  t.equal(appliance.cli(['doctor']).status, 1);
  close();
  t.match(finding(appliance, 'port phones tls'), { verdict: 'ok' });
});

async function taken(): Promise<{ port: number; close: () => void }> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return { port, close: () => void server.close() };
}
