// Listeners with a profile: scanners and guessers get silence, a clinic behind one address does not, and an admin sees and lifts bans.
import t, { type Test } from 'tap';
import type { Ban } from '../../src/engine/edge/guard.ts';
import { edgeBench, type RawApp } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SipPeer } from '../support/sip-peer.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve, 15));
const NONCE = 'WWW-Authenticate: Digest realm="clinic", nonce="n1"';

async function bench(t: Test, profile?: 'phones' | 'carrier', exempt: string[] = []) {
  const clock = new ManualClock();
  const banned: Ban[] = [];
  const edge = await edgeBench({
    clock,
    exempt,
    onBanned: (ban) => banned.push(ban),
    listeners: (['udp', 'tcp'] as const).map((transport) => ({
      name: 'phones',
      transport,
      host: '127.0.0.1',
      port: 0,
      ...(profile === undefined ? {} : { profile }),
    })),
  });
  const app = await (await edge.raw()).ready('register', 'invite', 'options', 'foo');
  const peer = await SipPeer.udp(edge.port('phones/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  return { clock, banned, edge, app, peer };
}

/** A REGISTER that the application answers so. */
async function register(app: RawApp, peer: SipPeer, status: number, options: { header?: string; nonce?: string } = {}) {
  const { header = '', nonce } = options;
  const digest = `Digest username="1001", realm="clinic", nonce="${nonce}", uri="sip:x", response="${'0'.repeat(32)}"`;
  peer.send(peer.request('REGISTER', nonce === undefined ? {} : { headers: [['Authorization', digest]] }));
  const { fields } = await app.takeSip('REGISTER');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 ${status} X\r\n${header === '' ? '' : `${header}\r\n`}\r\n`);
  await peer.takeResponse(status);
}

/** Whether an INVITE still reaches the application. */
async function reaches(app: RawApp, peer: SipPeer): Promise<boolean> {
  const before = app.frames.length;
  peer.send(peer.request('INVITE'));
  await turn();
  return app.frames.length > before;
}

t.test('a tool that names itself gets nothing, and nor does what its address says afterwards', async (t) => {
  const { edge, app, peer, banned } = await bench(t, 'phones');
  peer.send(peer.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
  await turn();
  t.notOk(await reaches(app, peer));
  t.same(peer.lines, [], 'not one answer');
  t.match(banned, [{ address: '127.0.0.1', covers: 'udp', reason: 'scanner', listener: 'phones' }]);
  t.match(edge.edge.status().counters, { bans: 1, droppedScanner: 1, droppedBanned: 1 });
});

t.test('a neutral listener bans nobody, whatever comes', async (t) => {
  const { app, peer, banned } = await bench(t);
  for (let index = 0; index < 30; index++) await register(app, peer, 403);
  peer.send(peer.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
  await app.takeSip('OPTIONS');
  t.same(banned, []);
});

t.test('methods that nobody knows and strangers that ask what we are get silence', async (t) => {
  const { app, peer, banned } = await bench(t, 'phones');
  peer.send(peer.request('OPTIONS'));
  for (let index = 0; index < 3; index++) peer.send(peer.request('FOO'));
  await turn();
  t.same(peer.lines, []);
  t.ok(await reaches(app, peer), 'three are forgiven');
  peer.send(peer.request('FOO'));
  await turn();
  t.match(banned, [{ reason: 'unknown-method' }]);
});

t.test('a phone that has registered may ask with OPTIONS', async (t) => {
  const { app, peer } = await bench(t, 'phones');
  await register(app, peer, 200);
  peer.send(peer.request('OPTIONS'));
  await app.takeSip('OPTIONS');
});

t.test('twenty wrong passwords ban; the next bans last longer; time and an admin lift them', async (t) => {
  const { app, peer, banned, clock, edge } = await bench(t, 'phones');
  const guess = async () => {
    await register(app, peer, 401, { header: NONCE });
    for (let index = 0; index < 20 && edge.edge.bans().length === 0; index++)
      await register(app, peer, 401, { header: NONCE, nonce: 'n1' });
  };
  await guess();
  t.match(banned, [{ reason: 'wrong-password' }]);
  t.equal((banned[0]?.untilMs ?? 0) - (banned[0]?.sinceMs ?? 0), 5 * 60_000);
  t.notOk(await reaches(app, peer));
  clock.advance(5 * 60_000);
  t.ok(await reaches(app, peer));
  await guess();
  t.equal((banned[1]?.untilMs ?? 0) - (banned[1]?.sinceMs ?? 0), 30 * 60_000);
  t.ok(edge.edge.liftBan('127.0.0.1'));
  t.notOk(edge.edge.liftBan('127.0.0.1'));
  t.ok(await reaches(app, peer));
  t.same(edge.edge.bans(), []);
});

t.test('401, 403, 404 and 407 that are relayed count against their source, and against no other', async (t) => {
  const proxyNonce = NONCE.replace('WWW', 'Proxy');
  for (const [status, header, nonce] of [
    [401, NONCE, 'n1'],
    [403, '', undefined],
    [404, '', undefined],
    [407, proxyNonce, 'n1'],
  ] as const) {
    const { app, peer, edge, banned } = await bench(t, 'phones');
    const other = await SipPeer.tcp(edge.port('phones/tcp'));
    t.teardown(() => other[Symbol.asyncDispose]());
    // Its nonce comes with a first challenge; after that each answer is one more guess.
    await register(app, peer, status, { header });
    for (let guess = 0; guess < 20 && banned.length === 0; guess++) {
      await register(app, peer, status, { header, ...(nonce !== undefined && { nonce }) });
    }
    t.match(banned, [{ address: '127.0.0.1', covers: 'udp' }], `${status} over UDP bans what comes by UDP`);
    t.ok(await reaches(app, other), 'a connection from there has done nothing');
  }
});

t.test(
  'thirty phones behind one address that re-register, with old nonces and one wrong password among them',
  async (t) => {
    const { app, peer, banned, clock } = await bench(t, 'phones');
    for (let hour = 0; hour < 3; hour++) {
      // After a power cut all are challenged before any succeeds; their nonces are of before.
      for (let phone = 0; phone < 30; phone++) await register(app, peer, 401, { header: NONCE, nonce: 'old' });
      for (let phone = 0; phone < 30; phone++) await register(app, peer, 200, { nonce: 'n1' });
      for (let minute = 0; minute < 10; minute++) {
        await register(app, peer, 403, { nonce: 'n1' });
        await register(app, peer, 403, { nonce: 'n1' });
        clock.advance(60_000);
      }
    }
    t.same(banned, []);
  },
);

t.test(
  'what came by UDP may be forged and bans UDP alone; a connection that guesses is closed and bans all',
  async (t) => {
    const { app, peer, banned, edge } = await bench(t, 'carrier');
    peer.send(peer.request('OPTIONS', { headers: [['User-Agent', 'sipvicious']] }));
    await turn();
    const phone = await SipPeer.tcp(edge.port('phones/tcp'));
    t.teardown(() => phone[Symbol.asyncDispose]());
    t.ok(await reaches(app, phone));
    for (let index = 0; index < 20; index++) await register(app, phone, 403);
    t.match(banned[1], { covers: 'all', reason: 'refused' });
    t.notOk(await reaches(app, phone));
    t.equal(edge.edge.bans().length, 2);
    t.ok(edge.edge.liftBan('127.0.0.1'), 'lifts both');
    t.ok(await reaches(app, peer));
  },
);

t.test('a flood from one source is dropped before it is read, and counted; it bans nobody', async (t) => {
  const { edge, peer, banned, clock, app } = await bench(t, 'phones');
  for (let sent = 0; sent < 2_200; sent++) peer.send('\r\n\r\n');
  const floods = () => edge.edge.status().counters.faults.flood ?? 0;
  for (let wait = 0; wait < 200 && floods() === 0; wait++) await turn();
  t.ok(floods() > 0);
  t.same(banned, []);
  await turn();
  clock.advance(1_000);
  t.ok(await reaches(app, peer), 'a second later it is heard again');
});

t.test('exempt addresses are never banned', async (t) => {
  const { app, peer, banned, edge } = await bench(t, 'carrier', ['127.0.0.0/8']);
  for (let index = 0; index < 30; index++) await register(app, peer, 403);
  t.same(banned, []);
  t.throws(() => edge.edge.exempt(['not an address']), { code: 'bad-address' });
});
