// The whole inner path: unmodified drachtio-srf and drachtio-fsmrf, the embedded edge, the embedded media server, a far-end phone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { dominantFrequency } from '../support/listen.ts';
import { FarPhone, Mrf, SECRET, startMediaServer } from '../support/media-bench.ts';

async function wholeBench() {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-media-'));
  const edge = await edgeBench();
  const server = await startMediaServer(folder);
  const srf = await edge.srf();
  const { port } = server.eventSocket;
  const ms = await new Mrf(srf).connect({ address: '127.0.0.1', port, secret: SECRET, listenAddress: '127.0.0.1' });
  const phones: FarPhone[] = [];
  return {
    server,
    ms,
    async phone(): Promise<FarPhone> {
      const phone = await FarPhone.open('forbidden');
      phones.push(phone);
      return phone;
    },
    async [Symbol.asyncDispose]() {
      for (const phone of phones) phone[Symbol.dispose]();
      ms.disconnect();
      await server.close();
      await edge[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

t.test('createEndpoint with a phone’s offer, sound, hold, unhold, destroy', async (t) => {
  await using bench = await wholeBench();
  const phone = await bench.phone();
  const endpoint = await bench.ms.createEndpoint({ remoteSdp: phone.offer() });
  phone.accept(endpoint.local.sdp);
  const playing = endpoint.play('tone_stream://%(2000,0,440)');
  await phone.wait(160);
  t.equal(await phone.hearing(440), 440);
  await endpoint.modify(phone.offer('inactive'));
  await phone.wait(100);
  t.ok(await phone.hearsNothing());
  phone.accept(await endpoint.modify(phone.offer()));
  await phone.wait(160);
  t.equal(await phone.hearing(440), 440);
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
  await endpoint.destroy();
  t.equal(bench.server.status().calls, 0);
});

t.test('createEndpoint without an offer, the phone’s later; the media server’s own BYE arrives', async (t) => {
  await using bench = await wholeBench();
  const phone = await bench.phone();
  const endpoint = await bench.ms.createEndpoint();
  phone.accept(await endpoint.modify(phone.offer()));
  const playing = endpoint.play('tone_stream://%(300,0,620)');
  await phone.wait(120);
  t.ok(Math.abs((dominantFrequency(await phone.listen(140), 8000) ?? 0) - 620) < 8);
  await playing;
  const ended = new Promise((resolve) => (endpoint.dialog as unknown as NodeJS.EventEmitter).once('destroy', resolve));
  await bench.ms.api(`uuid_kill ${endpoint.uuid}`);
  await ended;
  t.equal(bench.server.status().calls, 0);
});

t.test('ten endpoints at once, each with its own tone', async (t) => {
  await using bench = await wholeBench();
  const calls = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const phone = await bench.phone();
      const endpoint = await bench.ms.createEndpoint({ remoteSdp: phone.offer() });
      phone.accept(endpoint.local.sdp);
      return { phone, endpoint, hz: 400 + 50 * i };
    }),
  );
  const heard = calls.map(async ({ phone, endpoint, hz }) => {
    const playing = endpoint.play(`tone_stream://%(500,0,${hz})`);
    await phone.wait(160);
    const samples = await phone.listen(200);
    await playing;
    return [hz, dominantFrequency(samples, 8000)];
  });
  for (const [hz, found] of await Promise.all(heard)) t.equal(found, hz);
  await Promise.all(calls.map(({ endpoint }) => endpoint.destroy()));
  t.equal(bench.server.status().calls, 0);
});
