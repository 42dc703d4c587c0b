// A phone in a browser signs in to a running appliance: SIP over WebSocket inside TLS, its own CA trusted, a foreign page kept out.
import { once } from 'node:events';
import t from 'tap';
import WebSocket from 'ws';
import { defaultBootstrap, startAppliance } from '../support/appliance.ts';
import { WebPhone } from '../support/web-phone.ts';

t.setTimeout(300_000);
t.test('it registers by wss, and is known as such', async (t) => {
  const bootstrap = defaultBootstrap().replace('phones: { tls: 0 }', 'phones: { tls: 0, wss: 0 }');
  await using appliance = await startAppliance({ bootstrap });
  const url = /wss:\/\/localhost:\d+/.exec(appliance.output())?.[0] ?? '';
  const ca = appliance.cli(['vault', 'ca']).stdout;
  const { username, password } = await appliance.phone('1001');
  await using phone = new WebPhone(url.replace('localhost', '127.0.0.1'), username, ca, { password });
  await phone.register();
  t.match(await appliance.bindings(), [{ username, contact: /\.invalid;transport=ws/, source: { transport: 'wss' } }]);
  const foreign = new WebSocket(url, 'sip', { ca, origin: 'https://elsewhere.example' });
  foreign.on('error', () => {});
  const [, { statusCode }] = await once(foreign, 'unexpected-response');
  t.equal(statusCode, 403);
});
