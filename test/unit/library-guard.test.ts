// What the drachtio libraries print or throw: their text reaches no log, a URIError ends nothing, anything else ends the process.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkout } from '../support/appliance.ts';

const CANARY = 'sip:+12125550166@example.test';

/** Runs `body` in a process under the guard and gives its exit code, output and log. */
function guarded(
  t: { teardown(action: () => void): void },
  body: string,
): { status: number | null; output: string; log: string } {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-guard-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const log = join(folder, 'log');
  const script = `
    import { surviveLibraryThrows, withholdConsole } from '${checkout}/src/ops/library-guard.ts';
    import { createLogger } from '${checkout}/src/kernel/logger.ts';
    const logger = createLogger({ role: 'controller', level: 'info', file: '${log}' });
    withholdConsole(logger);
    surviveLibraryThrows(logger);
    ${body}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, output: stdout + stderr, log: readFileSync(log, 'utf8') };
}

t.test('what a library prints is known to have been printed, and cannot be read anywhere', async (t) => {
  const { status, output, log } = guarded(t, `console.error('cannot parse', '${CANARY}'); console.log('${CANARY}');`);
  t.equal(status, 0);
  t.notMatch(output + log, '12125550166');
  t.match(log, /its text is withheld/);
});

t.test('a header that cannot be decoded ends nothing', async (t) => {
  const { status, log } = guarded(
    t,
    `setImmediate(() => decodeURIComponent('%E9')); setTimeout(() => process.exit(7), 50);`,
  );
  t.equal(status, 7, 'it went on');
  t.match(log, /cannot be decoded/);
});

t.test('anything else that nobody caught ends the process, and its message is in no log', async (t) => {
  const { status, output, log } = guarded(t, `setImmediate(() => { throw new Error('about ${CANARY}'); });`);
  t.equal(status, 1);
  t.notMatch(output + log, '12125550166');
  t.match(log, /"stack":\[" {4}at /);
});
