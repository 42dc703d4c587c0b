// The switches that make the media server as awkward as FreeSWITCH can be, so that a controller can be tried with it (contract §6.4, §9).
import t from 'tap';
import { mediaBench } from '../support/media-bench.ts';

t.test('events lost at hang-up: the playback never settles, destroy comes without a reason', async (t) => {
  await using bench = await mediaBench({ quirks: { losesEventsAtHangup: true } });
  const { endpoint } = await bench.call();
  let hasSettled = false;
  endpoint.play('tone_stream://%(9000,0,440)').finally(() => {
    hasSettled = true;
  });
  await new Promise((resolve) => endpoint.once('playback-start', resolve));
  const ended = new Promise((resolve) => endpoint.once('destroy', resolve));
  await bench.ms.api(`uuid_kill ${endpoint.uuid}`);
  t.equal(await ended, undefined);
  t.equal(hasSettled, false);
});

t.test('a late connection to the controller still makes an endpoint', async (t) => {
  await using bench = await mediaBench({ quirks: { connectDelayMs: 300 } });
  const { phone, endpoint } = await bench.call();
  await phone.wait(20);
  await endpoint.destroy();
  t.equal(bench.server.status().calls, 0);
});

t.test('a hang-up before the controller was reached leaves nothing behind', async (t) => {
  await using bench = await mediaBench({ quirks: { connectDelayMs: 200 } });
  const phone = await bench.phone();
  const uri = `sip:drachtio@127.0.0.1:${bench.server.sip.port}`;
  const headers = { 'X-esl-outbound': '127.0.0.1:9', 'User-Agent': 'someone' };
  const dialog = await bench.srf.createUAC(uri, { headers, localSdp: phone.offer() });
  t.equal(bench.server.status().calls, 1);
  await dialog.destroy();
  t.equal(bench.server.status().calls, 0);
  const unreachable = await bench.srf.createUAC(uri, { headers, localSdp: phone.offer() });
  await new Promise((resolve) => unreachable.once('destroy', resolve));
  t.equal(bench.server.status().calls, 0, 'a controller that is not there: BYE');
});

t.test('an answer with audio port 0', async (t) => {
  await using bench = await mediaBench({ quirks: { answersWithPortZero: true } });
  const phone = await bench.phone();
  const endpoint = await bench.ms.createEndpoint({ remoteSdp: phone.offer() });
  t.match(bench.srf.dialogs.values().next().value?.remote.sdp, /m=audio 0 /);
  await endpoint.destroy();
});
