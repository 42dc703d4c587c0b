// Every way to open a vault comes, goes and is replaced, one after another, while calls are recorded, messages are heard and lists are read.
import { readFileSync } from 'node:fs';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import { ShiftedClock } from './shifted-clock.ts';
import { type BenchVault, CALLER, captureAll, type Folders, LOCAL, makeVault, openVault, sampleCdr, tone, voicemailHeader } from './vault-bench.ts'; // biome-ignore format: one import

export interface LiveRotation {
  readonly calls: number;
  /** The whole series of changes, so many times. */
  readonly rounds: number;
}

export interface LiveEvidence {
  /** What was not as it must be. */
  readonly faults: string[];
  readonly reads: number;
  /** Secrets that must open nothing any more. */
  readonly dead: { readonly slot: 'recovery' | 'key-file' | 'passphrase'; readonly secret: string }[];
  readonly recoveryCode: string;
  readonly actions: readonly string[];
}

const TICK_MS = 40;
const MESSAGE_MS = 1_000;
const MONTH_MS = 31 * 86_400_000;

/** Makes a vault in `folders`, runs all of it, and answers what was found; the vault is closed then. */
export async function rotateLive(folders: Folders, { calls, rounds }: LiveRotation): Promise<LiveEvidence> {
  const clock = new ShiftedClock();
  const made = await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock, hasReaders: true });
  const message = await leaveMessage(vault);
  const recordings: Recording[] = [];
  for (let seed = 0; seed < calls; seed++) recordings.push(await Recording.begin(vault, seed));
  const load = new Load(vault, recordings, message);
  const running = load.run();
  const changes = new Changes(vault, folders, clock, made.recoveryCode);
  for (let round = 0; round < rounds; round++) await changes.all(round);
  load.isOver = true;
  await running;
  const faults = [...load.faults];
  for (const recording of recordings) faults.push(...(await recording.end(vault)));
  const { problems } = await vault.ask('status', {});
  if (!(await vault.ask('audit.verify', { caller: CALLER })).ok) faults.push('the trail does not hold');
  const { rows } = await vault.ask('audit.page', { caller: CALLER, page: { limit: 500 } });
  const actions = rows.map(({ action, outcome }) => `${action} ${outcome}`);
  return {
    faults: [...faults, ...problems],
    reads: load.reads,
    dead: changes.dead,
    recoveryCode: changes.code,
    actions,
  };
}

class Load {
  readonly #vault: BenchVault;
  readonly #recordings: readonly Recording[];
  readonly #message: ArtifactId;
  readonly faults: string[] = [];
  isOver = false;
  reads = 0;

  constructor(vault: BenchVault, recordings: readonly Recording[], message: ArtifactId) {
    this.#vault = vault;
    this.#recordings = recordings;
    this.#message = message;
  }

  async run(): Promise<void> {
    const page = { limit: 20 };
    const range = { caller: CALLER, artifactId: this.#message, fromSample: 0, samples: 1_000_000, play: true };
    let calls = 0;
    await Promise.all([
      this.#again('hear', async () => {
        const heard = this.#recordings.map((recording) => recording.hear(this.#vault));
        await Promise.all([...heard, new Promise((resolve) => setTimeout(resolve, TICK_MS))]);
      }),
      this.#again('play', async () => {
        const { body } = await this.#vault.askForBytes('artifact.audio', range);
        if (!Buffer.from(body).equals(tone(MESSAGE_MS, 99))) throw new Error('the message sounds otherwise');
      }),
      this.#again('list', async () => {
        await this.#vault.ask('cdr.put', { cdr: sampleCdr() });
        calls++;
        const { rows } = await this.#vault.ask('calls.page', { caller: CALLER, page });
        if (rows.length !== Math.min(calls, page.limit)) throw new Error(`${rows.length} of ${calls} calls are listed`);
      }),
      this.#again('search', async () => {
        await this.#vault.ask('search', { caller: CALLER, query: 'canarybird', limit: 5 });
        await this.#vault.ask('audit.page', { caller: CALLER, page });
      }),
    ]);
  }

  async #again(what: string, act: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      try {
        await act();
        this.reads++;
      } catch (thrown) {
        this.faults.push(`${what}: ${String(thrown)}`);
        return;
      }
    }
  }
}

class Recording {
  readonly #artifactId: ArtifactId;
  readonly #sealer: CaptureSealer;
  readonly #seed: number;
  #said = 0;

  private constructor(artifactId: ArtifactId, sealer: CaptureSealer, seed: number) {
    this.#artifactId = artifactId;
    this.#sealer = sealer;
    this.#seed = seed;
  }

  static async begin(vault: BenchVault, seed: number): Promise<Recording> {
    const { artifactId } = await vault.ask('artifact.open', {
      header: voicemailHeader({ kind: 'recording', mailbox: '' }),
    });
    return new Recording(artifactId, new CaptureSealer(artifactId, vault.inner.intake.begin(artifactId)), seed);
  }

  async hear(vault: BenchVault): Promise<void> {
    const audio = tone((this.#said + TICK_MS * 8) / 8, this.#seed).subarray(this.#said);
    await send(vault, this.#sealer.write(audio, this.#said));
    this.#said += TICK_MS * 8;
  }

  /** Ends it and names what its recording lacks. */
  async end(vault: BenchVault): Promise<string[]> {
    const { intake } = vault.inner;
    await send(vault, this.#sealer.end());
    await intake.end(this.#artifactId, this.#sealer.chunks);
    const { state } = await vault.ask('artifact.close', { artifactId: this.#artifactId, keep: true });
    const range = { caller: CALLER, artifactId: this.#artifactId, fromSample: 0, samples: this.#said + 1, play: false };
    const { body } = await vault.askForBytes('artifact.audio', range);
    const isWhole = state === 'complete' && Buffer.from(body).equals(tone(this.#said / 8, this.#seed));
    return isWhole ? [] : [`call ${this.#seed} is ${state} and holds ${body.length} of ${this.#said} samples`];
  }
}

async function send(vault: BenchVault, frames: ReturnType<CaptureSealer['write']>): Promise<void> {
  const { intake } = vault.inner;
  const sent = frames.map((frame) =>
    frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
  );
  await Promise.all(sent);
}

/** What an administrator does to the ways in, all of it. */
class Changes {
  readonly #vault: BenchVault;
  readonly #folders: Folders;
  readonly #clock: ShiftedClock;
  readonly dead: LiveEvidence['dead'] = [];
  /** The recovery code of now. */
  code: string;

  constructor(vault: BenchVault, folders: Folders, clock: ShiftedClock, code: string) {
    this.#vault = vault;
    this.#folders = folders;
    this.#clock = clock;
    this.code = code;
  }

  async all(round: number): Promise<void> {
    const secret = `a passphrase of round ${round}`;
    const passphrase = await this.#add({ kind: 'passphrase', secret });
    const recovery = await this.#add({ kind: 'recovery' });
    await this.#rotateKeyFile();
    await this.#vault.ask('slot.remove', { caller: LOCAL, slotId: await this.#oldest('recovery') });
    this.dead.push({ slot: 'recovery', secret: this.code });
    this.code = recovery.recoveryCode ?? '';
    await this.#vault.ask('unlock', { caller: LOCAL, ...this.#proof() });
    await this.#vault.ask('slot.remove', { caller: LOCAL, slotId: passphrase.slotId });
    this.dead.push({ slot: 'passphrase', secret });
    await this.#rotateAll();
    this.#clock.shift(MONTH_MS); // what begins from here on is sealed to another epoch
    const { artifactId } = await this.#vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(this.#vault, artifactId, tone(100));
    await this.#vault.ask('artifact.close', { artifactId, keep: true });
  }

  #proof() {
    return { slot: 'recovery' as const, secret: this.code };
  }

  #add(slot: { kind: 'passphrase' | 'recovery'; secret?: string }) {
    return this.#vault.ask('slot.add', { caller: LOCAL, using: this.#proof(), opens: 'both', ...slot });
  }

  async #oldest(kind: string): Promise<string> {
    return (await this.#vault.ask('status', {})).slots.find((slot) => slot.kind === kind)?.id ?? '';
  }

  async #rotateKeyFile(): Promise<void> {
    this.#killsKeyFile();
    await this.#vault.ask('slot.replace', {
      caller: LOCAL,
      using: this.#proof(),
      slotId: await this.#oldest('key-file'),
    });
  }

  async #rotateAll(): Promise<void> {
    this.#killsKeyFile();
    this.dead.push(this.#proof());
    const { recoveryCode } = await this.#vault.ask('root.rotate', { caller: LOCAL, using: this.#proof() });
    this.code = recoveryCode;
  }

  #killsKeyFile(): void {
    this.dead.push({ slot: 'key-file', secret: readFileSync(this.#folders.keyFile, 'utf8') });
  }
}

async function leaveMessage(vault: BenchVault): Promise<ArtifactId> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(MESSAGE_MS, 99));
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}
