// The bootstrap file's phone listeners: TLS alone, browsers beside it, certificates of phones; and what is said of a wrong setting.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { readEnvironment } from '../../src/config/env.ts';

function load(t: Test, phones: string) {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-bootstrap-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'phones.pem'), 'the CA');
  const environment = readEnvironment({ WARDLINE_VAR: folder }, folder);
  const { file } = loadBootstrap(environment);
  writeFileSync(file, readFileSync(file, 'utf8').replace('\nphones: { tls: 5061 }', `\nphones: ${phones}`));
  return loadBootstrap(environment).listeners.filter(({ name }) => name === 'phones');
}

t.test('phones in browsers come by WSS, from pages of the appliance’s own addresses', async (t) => {
  const place = { name: 'phones', host: '127.0.0.1' } as const;
  t.same(load(t, '{ tls: 5061 }'), [{ ...place, transport: 'tls', port: 5061 }]);
  t.same(load(t, '{ tls: 5061, wss: 7443 }'), [
    { ...place, transport: 'tls', port: 5061 },
    { ...place, transport: 'wss', port: 7443, origins: ['localhost', '127.0.0.1'] },
  ]);
});

t.test('phones are asked for certificates of the CA that is named', async (t) => {
  const clients = { mode: 'require', ca: 'the CA' };
  const asked = load(t, '{ tls: 1, wss: 2, client-certificates: { mode: require, ca: phones.pem } }');
  t.match(asked, [
    { transport: 'tls', clients },
    { transport: 'wss', clients },
  ]);
  const refusal = (phones: string) => t.throws(() => load(t, phones), { code: 'bootstrap-invalid' });
  refusal('{ tls: 1, client-certificates: { mode: require, ca: nowhere.pem } }');
  refusal('{ tls: 1, client-certificates: require }');
  refusal('{ tls: 1, client-certificates: { mode: maybe, ca: phones.pem } }');
});
