// Chromium talks to the media server by DTLS-SRTP and ICE, through an unmodified drachtio-fsmrf: tones are heard both ways.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import type { BrowserPeer } from '../support/browser-peer.ts';
import { browserSkip, MICROPHONE_HZ, openBrowser } from '../support/browser-peer.ts';
import { dominantFrequency, toneLevel } from '../support/listen.ts';
import type { FsmrfEndpoint, MediaBench } from '../support/media-bench.ts';
import { mediaBench } from '../support/media-bench.ts';

const DEADLINE_MS = 40_000;
const TOLERANCE_HZ = 15;

/** drachtio-fsmrf refuses the profile by its name; the façade puts it back. */
const disguise = (sdp: string) => sdp.replaceAll('RTP/SAVP', 'RTP/xAVP');

/** Asks again and again until `isSo`, or for the last time. */
async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  const endsAt = performance.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (isSo(answer) || performance.now() > endsAt) return answer;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

const near = (hz: number | undefined, wanted: number) => hz !== undefined && Math.abs(hz - wanted) < TOLERANCE_HZ;

async function call(bench: MediaBench, page: BrowserPeer): Promise<FsmrfEndpoint> {
  const endpoint = await bench.ms.createEndpoint({ remoteSdp: disguise(await page.offer()) });
  await page.accept(endpoint.local.sdp);
  return endpoint;
}

t.test('Chromium calls and is called', { skip: browserSkip, timeout: 110_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-browser-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await using bench = await mediaBench();
  await using browser = await openBrowser(folder);

  await t.test('the page calls: tones both ways', async (t) => {
    await using page = await browser.open();
    const endpoint = await call(bench, page);
    t.match(endpoint.local.sdp, /a=setup:active\r/, 'who may choose speaks first');
    await hearsTone(t, page, endpoint, 450);
    t.match((await page.facts()).srtp, /AES/, "SRTP, in the browser's own words");
    await hearsMicrophone(t, bench, endpoint);
    await endpoint.destroy();
  });

  await t.test('in Opus too, where the server prefers it', async (t) => {
    await using wide = await mediaBench({ codecs: ['opus', 'PCMU'] });
    await using page = await browser.open();
    const endpoint = await call(wide, page);
    t.match(endpoint.local.sdp, /a=rtpmap:\d+ opus\/48000\/2\r/);
    await hearsTone(t, page, endpoint, 3_300);
    await hearsMicrophone(t, wide, endpoint);
    await endpoint.destroy();
  });

  await t.test('the page is called: our offer has ICE and DTLS, and the page speaks first', async (t) => {
    await using page = await browser.open();
    const endpoint = await bench.ms.createEndpoint({ headers: { 'X-Media-Webrtc': 'true' } });
    const offer = endpoint.local.sdp;
    t.match(offer, /UDP\/TLS\/RTP\/SAVPF[\s\S]*a=setup:actpass\r/);
    await endpoint.modify(await page.answer(offer));
    await hearsTone(t, page, endpoint, 510);
    await hearsMicrophone(t, bench, endpoint);
    await endpoint.destroy();
  });

  await t.test("a wrong fingerprint, either side's: no audio either way", async (t) => {
    const wrong = (sdp: string) =>
      sdp.replace(/(a=fingerprint:sha-256 )(..)/, (_, name, byte) => name + (byte === 'AA' ? 'BB' : 'AA'));
    for (const side of ['the page lies', 'we lie'] as const) {
      await using page = await browser.open();
      const offer = await page.offer();
      const remoteSdp = disguise(side === 'the page lies' ? wrong(offer) : offer);
      const endpoint = await bench.ms.createEndpoint({ remoteSdp });
      await page.accept(side === 'we lie' ? wrong(endpoint.local.sdp) : endpoint.local.sdp);
      void endpoint.play('tone_stream://%(60000,0,450)').catch(() => undefined);
      await until(
        () => page.facts(),
        ({ connection }) => connection === 'failed',
      );
      t.equal((await page.hear()).hz, undefined, side);
      t.equal((await page.facts()).packetsReceived, 0, side);
      const { variable_rtp_audio_in_packet_count: heard } = await endpoint.getChannelVariables(true);
      t.equal(Number(heard), 0, side);
      await endpoint.destroy();
    }
  });
});

/** The page hears what the endpoint plays. */
async function hearsTone(t: Test, page: BrowserPeer, endpoint: FsmrfEndpoint, hz: number): Promise<void> {
  const playing = endpoint.play(`tone_stream://%(60000,0,${hz})`);
  const heard = await until(
    () => page.hear(),
    (now) => near(now.hz, hz),
  );
  t.ok(near(heard.hz, hz), `the page hears ${heard.hz} Hz at ${heard.db} dB`);
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
}

/** A phone in a bridge with the browser hears its microphone. */
async function hearsMicrophone(t: Test, bench: MediaBench, endpoint: FsmrfEndpoint): Promise<void> {
  const { phone, endpoint: other } = await bench.call();
  await endpoint.bridge(other);
  const heard = await until(
    async () => dominantFrequency(await phone.listen(400), 8000),
    (hz) => near(hz, MICROPHONE_HZ),
  );
  t.ok(near(heard, MICROPHONE_HZ), `a phone hears ${heard} Hz of the microphone`);
  const level = toneLevel(await phone.listen(400), 8000, MICROPHONE_HZ);
  t.ok(level > -30 && level < 0, `at ${level} dBFS`);
  await other.destroy();
}
