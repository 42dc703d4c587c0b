// Signed heads leave for syslog too, each as it is written, and a machine without syslog loses none of those in the file.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createLogger } from '../../src/kernel/logger.ts';
import { headsToSyslog } from '../../src/process/syslog.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CALLER, makeVault, newFolders } from '../support/vault-bench.ts';

const log = createLogger({ role: 'vault', level: 'silent' });
const nothing = new Uint8Array(0);

t.test('a head leaves every ten minutes, and every thousand entries', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const left: string[] = [];
  const onHead = (line: string) => void left.push(line);
  const vault = await OpenVault.open({ ...folders, clock, log, startLocked: false, canResume: false, onHead });
  t.teardown(() => vault[Symbol.asyncDispose]());
  const act = () => {
    const entry = {
      action: 'emergency-call',
      actor: { kind: 'service', name: 'pbx' },
      address: '',
      outcome: 'ok',
    } as const;
    return vault.answer('audit.put', { entry }, nothing, { role: 'controller' });
  };
  const before = left.length;
  await act();
  clock.advance(10 * 60_000);
  t.equal(left.length, before + 1);
  for (let entry = 0; entry < 1_000; entry++) await act();
  t.equal(left.length, before + 2);
  const { answer } = await vault.answer('audit.head', { caller: CALLER }, nothing, { role: 'controller' });
  const lines = readFileSync(folders.headsFile, 'utf8').trimEnd().split('\n');
  t.same(lines.slice(-left.length), left, 'the file holds the same');
  t.match(JSON.parse((answer as { head: string }).head), { format: 'wardline-head-1' });
});

t.test('logger(1) is given the line as it is', async (t) => {
  using folders = newFolders('/dev/shm');
  const command = join(folders.root, 'logger');
  const out = join(folders.root, 'out');
  const done = join(folders.root, 'done');
  writeFileSync(command, `#!/bin/sh\nprintf '%s\\n' "$@" > ${out}\nmv ${out} ${done}\n`);
  chmodSync(command, 0o700);
  headsToSyslog(log, command)('{"format":"wardline-head-1"}');
  let text = '';
  for (let tries = 0; tries < 2_000 && text === ''; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    text = tryRead(done);
  }
  const expected = [
    '--tag',
    'wardline-audit-head',
    '--priority',
    'authpriv.notice',
    '--',
    '{"format":"wardline-head-1"}',
  ];
  t.same(text.trimEnd().split('\n'), expected);
  t.doesNotThrow(() => headsToSyslog(log, '/nowhere/logger')('x'));
});

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
