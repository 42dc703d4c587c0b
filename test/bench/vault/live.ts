// 200 calls recorded in stereo at once into a vault process: how long until each sample is durable, and what other work feels of it.
import { LinkClient } from '../../../src/ipc/client.ts';
import type { Json } from '../../../src/kernel/canonical.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { CaptureSealer, type SealedFrame } from '../../../src/seal/capture-sealer.ts';
import type { IntakeGrant } from '../../../src/seal/intake.ts';
import { sodium } from '../../../src/seal/sodium.ts';
import type { Vault } from '../../../src/vault/contract.ts';
import { CALLER, makeVault, newFolders, sampleCdr, voicemailHeader } from '../../support/vault-bench.ts';
import { MEDIA_TOKEN, spawnVault } from '../../support/vault-process.ts';
import { cpuSeconds, Lateness, percentile, say } from '../figures.ts';
import { blobsInto, openComparators } from './comparators.ts';

const CALLS = 200;
const SECONDS = 20;
const TICK_MS = 20;
const RATE = 8_000;
const CHANNELS = 2;
const KEPT_CALLS = 2_000;
const ASK_EVERY_MS = 100;
/** As the vault has them: src/seal/capture-sealer.ts and src/vault/captured/intake.ts. */
const [CHUNK_MS, COMMIT_MS] = [240, 100];

export async function benchLive(parent: string): Promise<void> {
  using folders = newFolders(parent);
  await makeVault(folders);
  const process_ = spawnVault(folders);
  const vault = process_.connect();
  for (let call = 0; call < KEPT_CALLS; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  const idle = await askFor(vault, SECONDS / 2);
  using link = new LinkClient({ path: process_.socket, role: 'media', token: MEDIA_TOKEN, clock: systemClock });
  const captures = await Promise.all(Array.from({ length: CALLS }, () => LiveCapture.begin(vault, link)));
  const before = cpuSeconds([process_.child.pid!]);
  const [busy, lateness] = await Promise.all([askFor(vault, SECONDS), speak(captures)]);
  const cpu = cpuSeconds([process_.child.pid!]) - before;
  const delays = captures.flatMap(({ delays }) => delays);
  say(`${CALLS} stereo calls: heard to durable, median`, `${percentile(delays, 0.5).toFixed(0)} ms`, '-');
  say(`${CALLS} stereo calls: heard to durable, p99`, `${percentile(delays, 0.99).toFixed(0)} ms`, '<= 1000 ms');
  say('chunks that were not acknowledged', String(captures.reduce((sum, { lost }) => sum + lost, 0)), '0');
  say("the generator's own lateness, p99", `${lateness.at(0.99).toFixed(1)} ms`, '(void over 20 ms)');
  say('CPU of the vault process a call', `${((cpu / SECONDS / CALLS) * 100).toFixed(3)} % of a core`, '-');
  say('a page of 20 calls, idle: median, p99', pair(idle), '-');
  say(`a page of 20 calls beside ${CALLS} recordings: median, p99`, pair(busy), 'unmoved');
  vault[Symbol.dispose]();
  await process_.kill();
  benchComparators(folders.root);
}

/** What a tick of all calls takes when it is only kept: each commit's share of what was heard since the one before. */
function benchComparators(folder: string): void {
  const audio = sodium.randombytes_buf((CHUNK_MS * RATE * CHANNELS) / 1000);
  for (const { name, db } of openComparators(folder)) {
    const commit = blobsInto(db, Math.round((CALLS * COMMIT_MS) / CHUNK_MS));
    const times: number[] = [];
    for (let tick = 0; tick * COMMIT_MS < SECONDS * 1000; tick++) {
      const begun = performance.now();
      commit(audio);
      times.push(performance.now() - begun);
    }
    say(`  in ${name}: a commit of what ${CALLS} calls say in ${COMMIT_MS} ms`, pair(times), '(comparator)');
    db.close();
  }
}

function pair(figures: readonly number[]): string {
  return `${percentile(figures, 0.5).toFixed(1)} / ${percentile(figures, 0.99).toFixed(1)} ms`;
}

/** Asks as a console would and keeps the times, in milliseconds. */
async function askFor(vault: Vault, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const begun = performance.now();
    await vault.ask('calls.page', { caller: CALLER, page: { limit: 20 } });
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  return times;
}

/** All captures hear what was said since the last tick. */
async function speak(captures: readonly LiveCapture[]): Promise<Lateness> {
  const lateness = new Lateness();
  const begun = performance.now();
  for (let tick = 1; tick * TICK_MS <= SECONDS * 1000; tick++) {
    const due = begun + tick * TICK_MS;
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
    lateness.note(performance.now() - due);
    for (const capture of captures) capture.hear();
  }
  await Promise.all(captures.map((capture) => capture.settle()));
  return lateness;
}

class LiveCapture {
  /** Milliseconds from when a chunk's first sample was heard to its acknowledgement. */
  readonly delays: number[] = [];
  lost = 0;
  readonly #sealer: CaptureSealer;
  readonly #link: LinkClient;
  readonly #audio = sodium.randombytes_buf((TICK_MS * RATE * CHANNELS) / 1000);
  readonly #sent: Promise<void>[] = [];
  #samples = 0;
  #startedAt: number | undefined;

  private constructor(sealer: CaptureSealer, link: LinkClient) {
    this.#sealer = sealer;
    this.#link = link;
    // Calls do not begin in step: neither do the chunks of these.
    this.#sealer.write(this.#audio.subarray(0, 2 * CHANNELS * Math.floor(Math.random() * 80)), 0);
  }

  static async begin(vault: Vault, link: LinkClient): Promise<LiveCapture> {
    const header = voicemailHeader({ kind: 'recording', mailbox: '', channels: CHANNELS });
    const { artifactId } = await vault.ask('artifact.open', { header });
    const { payload } = await link.request('intake.begin', { artifactId });
    return new LiveCapture(new CaptureSealer(artifactId, payload as unknown as IntakeGrant), link);
  }

  hear(): void {
    this.#startedAt ??= performance.now() - TICK_MS;
    for (const frame of this.#sealer.write(this.#audio, this.#samples)) this.#sent.push(this.#send(frame));
    this.#samples += (TICK_MS * RATE) / 1000;
  }

  async settle(): Promise<void> {
    await Promise.all(this.#sent);
  }

  async #send(frame: SealedFrame): Promise<void> {
    const heardAt = (this.#startedAt ?? 0) + (frame.ask.firstSample * 1000) / RATE;
    try {
      await this.#link.request(frame.type, frame.ask as unknown as Json, frame.body, 10_000);
      if (frame.type === 'intake.chunk') this.delays.push(performance.now() - heardAt);
    } catch {
      this.lost++;
    }
  }
}
