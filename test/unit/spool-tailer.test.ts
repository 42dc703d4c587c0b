// The spool: files that grow as FreeSWITCH writes them are sealed, reclaimed and unlinked; what a crash left is kept at the next start.
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WardlineError } from '../../src/kernel/errors.ts';
import { newId } from '../../src/kernel/id.ts';
import type { Capture, IntakeClient } from '../../src/seal/intake-client.ts';
import { SpoolTailer } from '../../src/seal/spool-tailer.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CALLER, captureAll, makeVault, newFolders, openVault, tone, voicemailHeader } from '../support/vault-bench.ts';

/** An intake that keeps what it is given, and what fails when a test says so. */
class HeldIntake implements IntakeClient {
  readonly heard = new Map<string, Buffer>();
  readonly ended: string[] = [];
  readonly refused = new Map<string, string>();
  readonly #failures = new Map<string, (reason: string) => void>();
  channels: 1 | 2 = 1;

  async begin(artifactId: string): Promise<Capture> {
    const code = this.refused.get(artifactId);
    if (code !== undefined) throw new WardlineError(code, 'no');
    this.heard.set(artifactId, Buffer.alloc(0));
    const { channels } = this;
    return {
      artifactId,
      encoding: 'ulaw-8000',
      channels,
      write: (bytes, atSample) => {
        const before = this.heard.get(artifactId) ?? Buffer.alloc(0);
        if (atSample * channels !== before.length) throw new Error(`a gap at ${atSample}`);
        this.heard.set(artifactId, Buffer.concat([before, Buffer.from(bytes)]));
      },
      end: async () => void this.ended.push(artifactId),
      onFailure: (listener) => void this.#failures.set(artifactId, listener),
    };
  }

  fail(artifactId: string): void {
    this.#failures.get(artifactId)?.('the disk is full');
  }

  [Symbol.dispose](): void {}
}

async function tick(clock: ManualClock): Promise<void> {
  clock.advance(100);
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
}

t.test('a file is sealed as it grows, to its last odd byte, and is gone at the end', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  const intake = new HeldIntake();
  intake.channels = 2;
  const reclaimed: number[] = [];
  using tailer = new SpoolTailer({
    ...{ folder: folders.root, intake, clock },
    reclaim: (_path, bytes) => reclaimed.push(bytes),
  });
  const id = newId();
  const path = join(folders.root, `${id}.ul`);
  writeFileSync(join(folders.root, 'other.txt'), 'not audio');
  mkdirSync(join(folders.root, 'out'));
  writeFileSync(path, '');
  const audio = Buffer.from(tone(200_000, 5));
  await tick(clock);
  for (const [from, until] of [
    [0, 161],
    [161, 320],
    [320, 8_001],
    [8_001, 1_500_000],
    [1_500_000, 1_599_999],
  ] as const) {
    // biome-ignore format: pieces
    appendFileSync(path, audio.subarray(from, until));
    await tick(clock);
    if (until < 10_000) t.equal(intake.heard.get(id)?.length, until - (until % 2), `up to ${until}`);
  }
  t.ok((intake.heard.get(id)?.length ?? 0) > 300_000, 'what is there is taken, a little at a time');
  await tailer.finish(id);
  t.ok(intake.heard.get(id)?.equals(audio.subarray(0, 1_599_998)), 'every whole sample, once and in order');
  t.same(intake.ended, [id]);
  t.notOk(existsSync(path));
  t.ok(
    reclaimed.length > 0 && reclaimed.every((bytes) => bytes <= 1_599_999 - 160_000),
    'ten seconds are never given back',
  );
  t.same(readdirSync(folders.root).sort(), ['other.txt', 'out'], 'what is no spool file stays');
});

t.test(
  'what nobody awaits is removed; a vault that is away is asked again; a failed recording leaves no clear audio',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const clock = new ManualClock();
    const intake = new HeldIntake();
    const failed: string[][] = [];
    using _tailer = new SpoolTailer({
      ...{ folder: folders.root, intake, clock },
      onFailure: (artifactId, code) => failed.push([artifactId, code]),
    });
    const [stranger, waiting, failing] = [newId(), newId(), newId()];
    const pathOf = (id: string) => join(folders.root, `${id}.ul`);
    for (const id of [stranger, waiting, failing]) writeFileSync(pathOf(id), tone(20));
    intake.refused.set(stranger, 'artifact-unknown');
    intake.refused.set(waiting, 'link-closed');
    await tick(clock);
    await tick(clock);
    t.notOk(existsSync(pathOf(stranger)));
    t.ok(existsSync(pathOf(waiting)));
    intake.refused.clear();
    await tick(clock);
    await tick(clock);
    t.equal(intake.heard.get(waiting)?.length, 160);
    intake.fail(failing);
    t.notOk(existsSync(pathOf(failing)));
    t.same(failed, [[stranger, 'artifact-unknown'], [failing, 'capture-failed']]); // biome-ignore format: pairs
  },
);

t.test('what the spool held when everything went down is part of the recording after the next start', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  const audio = tone(2_000, 9);
  async function open() {
    await using vault = await openVault(folders);
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    const closed = (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
    await captureAll(vault, closed, tone(400));
    await vault.ask('artifact.close', { artifactId: closed, keep: true });
    return { artifactId, closed };
  }
  const opened = await open();
  mkdirSync(folders.spoolFolder, { recursive: true });
  const pathOf = (id: string) => join(folders.spoolFolder, `${id}.ul`);
  const stranger = newId();
  for (const id of [opened.artifactId, opened.closed, stranger]) writeFileSync(pathOf(id), audio);
  await using vault = await openVault(folders);
  t.same(
    readdirSync(folders.spoolFolder).filter((name) => name.endsWith('.ul')),
    [],
    'no clear audio is left',
  );
  const { artifactId } = opened;
  t.match(await vault.ask('artifact.get', { caller: CALLER, artifactId }), { state: 'cut-off', durationMs: 2_000 });
  const range = { caller: CALLER, artifactId, fromSample: 0, samples: 100_000, play: false };
  t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(audio)));
  t.match(await vault.ask('artifact.get', { caller: CALLER, artifactId: opened.closed }), { durationMs: 400 });
  t.match(await vault.ask('status', {}), { problems: [] });
});
