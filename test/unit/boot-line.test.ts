// Every process root takes its boot line alike: what is none is refused in one sentence, with the exit code that nobody restarts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

const source = join(import.meta.dirname, '../../src');
const ROOTS = ['process/vault.ts', 'process/edge.ts', 'process/media.ts', 'appliance.ts'];

for (const root of ROOTS) {
  t.test(`${root}: no line, no JSON, or half a message`, async (t) => {
    for (const input of ['', 'not json\n', '{"runtimeFolder":"/nowhere"}\n']) {
      const { status, stderr } = spawnSync(process.execPath, [join(source, root)], {
        input,
        encoding: 'utf8',
        timeout: 20_000,
      });
      t.equal(status, 78, JSON.stringify(input));
      t.equal(stderr, 'wardline: This process is started by the appliance; run `npm start` or `wardline start`.\n');
    }
  });
}
