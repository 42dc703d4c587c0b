// A real browser as the party of a call: Chromium with a tone for a microphone, a page of the test's own, ears by Web Audio.
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { wav } from './wav.ts';

const CHROMIUM = '/usr/bin/chromium';
export const browserSkip = existsSync(CHROMIUM) ? false : 'needs the Debian package chromium: apt-get install chromium';

/** What the microphone hears. */
export const MICROPHONE_HZ = 620;

/** Runs in the page. */
const PAGE = `<!doctype html><title>A party</title><script>
const peer = new RTCPeerConnection();
const context = new AudioContext();
const ears = context.createAnalyser();
ears.fftSize = 8192;
ears.smoothingTimeConstant = 0;
peer.ontrack = ({ track }) => {
  const stream = new MediaStream([track]);
  // Without an element that plays it, Chromium gives Web Audio nothing of a remote track.
  window.sink = Object.assign(new Audio(), { srcObject: stream, muted: true });
  window.sink.play();
  context.createMediaStreamSource(stream).connect(ears);
};
async function gathered() {
  if (peer.iceGatheringState !== 'complete') {
    await new Promise((done) => peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && done()));
  }
  return peer.localDescription.sdp;
}
async function microphone() {
  await context.resume();
  const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
  for (const track of stream.getTracks()) peer.addTrack(track, stream);
}
async function offer() {
  if (peer.getSenders().length === 0) await microphone();
  await peer.setLocalDescription(await peer.createOffer());
  return gathered();
}
async function answer(sdp) {
  await microphone();
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  return gathered();
}
async function accept(sdp) {
  await peer.setRemoteDescription({ type: 'answer', sdp });
}
function hear() {
  const levels = new Float32Array(ears.frequencyBinCount);
  ears.getFloatFrequencyData(levels);
  let best = 0;
  for (let i = 1; i < levels.length; i++) if (levels[i] > levels[best]) best = i;
  return { hz: (best * context.sampleRate) / ears.fftSize, db: levels[best] };
}
async function facts() {
  const found = { srtp: '', connection: peer.connectionState, packetsReceived: 0 };
  for (const each of (await peer.getStats()).values()) {
    if (each.type === 'transport') found.srtp = each.srtpCipher ?? '';
    if (each.type === 'inbound-rtp') found.packetsReceived = each.packetsReceived;
  }
  return found;
}
</script>`;

export interface BrowserPeer extends AsyncDisposable {
  /** A call that the page makes: its description, every candidate in it. */
  offer(): Promise<string>;
  accept(answer: string): Promise<void>;
  /** A call that the page takes. */
  answer(offer: string): Promise<string>;
  /** The loudest frequency now, and how loud; `hz` undefined in silence. */
  hear(): Promise<{ hz: number | undefined; db: number }>;
  facts(): Promise<{ srtp: string; connection: string; packetsReceived: number }>;
  /** Hangs up as a closed tab does. */
  close(): Promise<void>;
}

export interface BrowserParty extends AsyncDisposable {
  /** A page of its own. */
  open(): Promise<BrowserPeer>;
}

/** Quieter than this the analyser hears only noise. */
const SILENCE_DB = -70;

export async function openBrowser(folder: string): Promise<BrowserParty> {
  const microphone = join(folder, 'microphone.wav');
  writeFileSync(microphone, wav(48_000, MICROPHONE_HZ, 10_000));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${microphone}`,
      '--autoplay-policy=no-user-gesture-required',
      '--allow-loopback-in-peer-connection',
    ],
  });
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(PAGE));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    open: () => openPage(browser, `http://127.0.0.1:${port}/`),
    async [Symbol.asyncDispose]() {
      await browser.close();
      server.close();
    },
  };
}

async function openPage(browser: Browser, url: string): Promise<BrowserPeer> {
  const page = await browser.newPage();
  await page.goto(url);
  return {
    offer: () => page.evaluate('offer()'),
    accept: (sdp) => page.evaluate(`accept(${JSON.stringify(sdp)})`),
    answer: (sdp) => page.evaluate(`answer(${JSON.stringify(sdp)})`),
    hear: () => hear(page),
    facts: () => page.evaluate('facts()'),
    close: () => page.close(),
    [Symbol.asyncDispose]: () => page.close(),
  };
}

async function hear(page: Page): Promise<{ hz: number | undefined; db: number }> {
  const heard: { hz: number; db: number } = await page.evaluate('hear()');
  return heard.db > SILENCE_DB ? heard : { hz: undefined, db: heard.db };
}
