// The bootstrap file's audio: which codecs parties are offered, and what is said of one that nobody speaks.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { readEnvironment } from '../../src/config/env.ts';

t.test('codecs are offered in the order of the file; one that nobody speaks is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-bootstrap-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const environment = readEnvironment({ WARDLINE_VAR: folder }, folder);
  const { file, audioCodecs } = loadBootstrap(environment);
  t.equal(audioCodecs, undefined, 'G.711 unless somebody says more');
  const original = readFileSync(file, 'utf8');
  const load = (codecs: string) => {
    writeFileSync(file, original.replace('last-port: 20999 }', `last-port: 20999, codecs: ${codecs} }`));
    return loadBootstrap(environment).audioCodecs;
  };
  t.same(load('[opus, G722, PCMU]'), ['opus', 'G722', 'PCMU']);
  for (const wrong of ['[MP3]', '[]', 'opus', '[PCMU, PCMU]']) {
    t.throws(() => load(wrong), { code: 'bootstrap-invalid' }, wrong);
  }
  t.end();
});
