// The differences of a real FreeSWITCH, one switch each, and our own call control in front of it: it survives every one (contract §9).
import t, { type Test } from 'tap';
import type { Quirks } from '../../src/engine/media-server/host/quirks.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { codeOf } from '../../src/kernel/errors.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import type { Media } from '../../src/pbx/leg/media.ts';
import { MediaLink } from '../../src/pbx/leg/media-link.ts';
import { audioFlaw } from '../../src/pbx/leg/sdp-guard.ts';
import type { SrfConnection } from '../../src/pbx/leg/srf-types.ts';
import { type FarPhone, type MediaBench, mediaBench, SECRET } from '../support/media-bench.ts';

t.jobs = 4;

const LONG = 'tone_stream://%(60000,0,440)';

/** Call control's link to the bench's media server. */
function newLink(bench: MediaBench): MediaLink {
  const { host, port } = bench.server.eventSocket;
  // What a link asks of drachtio-srf is `createUAC` alone.
  const srf = bench.srf as unknown as SrfConnection;
  const logger = createLogger({ role: 'controller', level: 'silent' });
  return new MediaLink({ media: { host, port, secret: SECRET }, srf, clock: systemClock, logger });
}

interface Stage {
  readonly bench: MediaBench;
  readonly link: MediaLink;
  call(): Promise<{ phone: FarPhone; media: Media }>;
}

async function within(quirks: Quirks, play: (stage: Stage) => Promise<void>): Promise<void> {
  await using bench = await mediaBench({ quirks });
  const link = newLink(bench);
  using _link = { [Symbol.dispose]: () => link.close() };
  await link.start();
  const call = async () => {
    const phone = await bench.phone();
    const media = await link.createMedia({ offer: phone.offer() });
    phone.accept(media.localSdp);
    return { phone, media };
  };
  await play({ bench, link, call });
}

async function hears(t: Test, phone: FarPhone, hz: number): Promise<void> {
  await phone.wait(200);
  t.equal(await phone.hearing(hz), hz);
}

async function codeFrom(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'settled',
    (error: unknown) => codeOf(error),
  );
}

async function until(holds: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 500 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  return holds();
}

t.test('(a) the event socket is there before the 200', (t) =>
  within({ answerDelayMs: 150 }, async ({ call }) => {
    const { phone, media } = await call();
    media.startLoop(LONG);
    await hears(t, phone, 440);
    await media.destroy();
  }),
);

t.test('(b) completion and CALLSTATE are lost at hang-up: what was awaited is told that the party left', (t) =>
  within({ losesEventsAtHangup: true }, async ({ bench, call }) => {
    const { phone, media } = await call();
    const playing = codeFrom(media.play([LONG]));
    await hears(t, phone, 440);
    await bench.ms.api('hupall NORMAL_CLEARING');
    t.equal(await playing, 'leg-ended');
    t.equal(await media.ending.wait(), 'lost');
  }),
);

t.test('(c) completions come inner-first: a prompt set going inside another is heard, and stopped with it', (t) =>
  within({}, async ({ call }) => {
    const { phone, media } = await call();
    const outer = media.play([LONG]);
    await phone.wait(100);
    const inner = media.play(['tone_stream://%(60000,0,900)']);
    await hears(t, phone, 900);
    await media.stop();
    t.equal(await inner, 'stopped');
    await media.stop();
    t.equal(await outer, 'stopped');
  }),
);

t.test('(e) `sofia status` is late: the link is tried again until it is in time', async (t) => {
  const slowApi: Record<string, number> = {};
  await using bench = await mediaBench({ quirks: { slowApi } });
  slowApi.sofia = 1_500;
  const link = newLink(bench);
  using _link = { [Symbol.dispose]: () => link.close() };
  const started = link.start();
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  t.notOk(link.isUp);
  delete slowApi.sofia;
  await started;
  t.ok(link.isUp);
});

t.test('(f) the event socket ends in the middle of a prompt: the leg ends, and the server lets the call go', (t) =>
  within({ dropsSocketInPlayback: true }, async ({ bench, call }) => {
    const { media } = await call();
    t.equal(await codeFrom(media.play(['tone_stream://%(300,0,440)'])), 'leg-ended');
    t.equal(media.ending.cause, 'lost');
    t.ok(await until(() => bench.server.status().calls === 0), 'once its prompt is over');
  }),
);

t.test('(g) the inbound link breaks with a command outstanding: a new one is made', async (t) => {
  const quirks: { dropsInboundAt?: string } = { dropsInboundAt: 'show channels' };
  await using bench = await mediaBench({ quirks });
  const link = newLink(bench);
  using _link = { [Symbol.dispose]: () => link.close() };
  const started = link.start();
  let hasStarted = false;
  void started.then(() => {
    hasStarted = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.notOk(hasStarted);
  delete quirks.dropsInboundAt;
  await started;
  t.ok(link.isUp);
});

t.test('(h) escapes of a phone’s SDP come back undecoded: none of them gets that far', (t) =>
  within({ passesEscapes: true }, async ({ bench, link }) => {
    const phone = await bench.phone();
    const offer = phone.offer().replace(/s=.*\r\n/, 's=caf%E9 \u00e9 $\u007bdomain}\r\n');
    const media = await link.createMedia({ offer });
    phone.accept(media.localSdp);
    media.startLoop(LONG);
    await hears(t, phone, 440);
  }),
);

t.test('(i) a slow command keeps the events of its socket back: a stop takes longer and no digit is lost', (t) =>
  within({ slowApi: { uuid_break: 400 } }, async ({ call }) => {
    const { phone, media } = await call();
    let digits = '';
    media.onDigit((digit) => {
      digits += digit;
    });
    const playing = media.play([LONG]);
    await hears(t, phone, 440);
    const stopped = media.stop();
    phone.press('5');
    await stopped;
    t.equal(await playing, 'stopped');
    t.ok(await until(() => digits === '5'));
  }),
);

t.test('(j) the server’s order of codecs wins over the phone’s', (t) =>
  within({}, async ({ bench, link }) => {
    const phone = await bench.phone('forbidden', ['PCMA', 'PCMU']);
    const media = await link.createMedia({ offer: phone.offer() });
    t.match(media.localSdp, /m=audio \d+ RTP\/AVP 0\b/);
    phone.accept(media.localSdp);
    media.startLoop(LONG);
    await hears(t, phone, 440);
  }),
);

t.test('(k) a 200 with audio port 0 is told apart from an answer', (t) =>
  within({ answersWithPortZero: true }, async ({ bench, link }) => {
    const phone = await bench.phone();
    const media = await link.createMedia({ offer: phone.offer() });
    t.equal(audioFlaw(media.localSdp, 'optional'), 'no-audio');
    await media.destroy();
    t.ok(await until(() => bench.server.status().calls === 0));
  }),
);

t.test('(l) uuid_kill on the own socket: the notice alone comes, a playback never settles', async (t) => {
  await using bench = await mediaBench({ quirks: { losesEventsAtKill: true } });
  const { endpoint } = await bench.call();
  let hasSettled = false;
  const playing = endpoint.play(LONG);
  playing.finally(() => {
    hasSettled = true;
  });
  await new Promise((resolve) => endpoint.once('playback-start', resolve));
  const ended = new Promise((resolve) => endpoint.once('destroy', resolve));
  endpoint.api('uuid_kill', endpoint.uuid).catch(() => undefined);
  t.equal(await ended, undefined, 'without a reason');
  t.equal(hasSettled, false);
});

t.test('(m) bridged calls outlive their controller: the next one sweeps them', async (t) => {
  await using bench = await mediaBench({ quirks: {} });
  const [a, b] = [await bench.call(), await bench.call()];
  await a.endpoint.bridge(b.endpoint);
  a.phone.say(500);
  b.phone.say(800);
  for (const { endpoint } of [a, b]) (endpoint.conn as unknown as { socket: { end(): void } }).socket.end();
  await hears(t, a.phone, 800);
  await hears(t, b.phone, 500);
  t.equal(bench.server.status().calls, 2, 'they go on');
  const link = newLink(bench);
  using _link = { [Symbol.dispose]: () => link.close() };
  await link.start();
  t.ok(await until(() => bench.server.status().calls === 0));
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
