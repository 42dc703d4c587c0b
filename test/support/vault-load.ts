// A load on a vault, run as a process of its own: calls are recorded in real time while records are read and settings change.
// What was asked, said and acknowledged goes, line by line, to the marks file, so that a test can cut the power or kill it anywhere
// and knows what must be there. Started with one argument: a `LoadPlan` as JSON.
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { LinkServer } from '../../src/ipc/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type ArtifactId, newId } from '../../src/kernel/id.ts';
import { type Capture, connectIntake, type IntakeClient } from '../../src/seal/intake-client.ts';
import { answerIntake } from '../../src/vault/captured/intake-requests.ts';
import {
  type BenchVault,
  CALLER,
  type Folders,
  openVault,
  sampleCdr,
  sampleClinic,
  tone,
  voicemailHeader,
} from './vault-bench.ts';

export interface LoadPlan {
  readonly folders: Folders;
  readonly marksFile: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** What SQLite is told instead of FULL, to see that the proof would notice. */
  readonly synchronous?: 'NORMAL';
  /** A folder that backups go to while all this happens. */
  readonly backupTo?: string;
  /** The root is rotated again and again. */
  readonly rotates?: boolean;
}

const TICK_MS = 20;
/** Every fourth call is a message of this length, closed and begun anew. */
const MESSAGE_MS = 700;

class Load {
  readonly #vault: BenchVault;
  readonly #intake: IntakeClient;
  readonly #marks: number;
  readonly #plan: LoadPlan;
  readonly #recordings: Recording[] = [];
  #seed = 0;

  constructor(vault: BenchVault, intake: IntakeClient, plan: LoadPlan) {
    this.#vault = vault;
    this.#intake = intake;
    this.#plan = plan;
    this.#marks = openSync(plan.marksFile, 'a');
  }

  mark(...words: readonly (string | number)[]): void {
    writeSync(this.#marks, `${words.join(' ')}\n`);
  }

  async run(): Promise<void> {
    for (let index = 0; index < this.#plan.calls; index++) await this.#begin(index % 4 === 3);
    const chores = [this.#settle(() => this.#callRecords()), this.#settle(() => this.#settings())];
    if (this.#plan.backupTo !== undefined) chores.push(this.#settle(() => this.#backups(this.#plan.backupTo!)));
    if (this.#plan.rotates) chores.push(this.#settle(() => this.#rotate()));
    await Promise.all([this.#speak(), ...chores]);
  }

  get #isOver(): boolean {
    return performance.now() > this.#plan.milliseconds + this.#startedAt;
  }

  readonly #startedAt = performance.now();

  async #settle(chore: () => Promise<void>): Promise<void> {
    while (!this.#isOver) await chore();
  }

  async #begin(isMessage: boolean): Promise<void> {
    const header = voicemailHeader(isMessage ? {} : { kind: 'recording', mailbox: '' });
    const { artifactId } = await this.#vault.ask('artifact.open', { header });
    const seed = this.#seed++;
    this.mark('opened', artifactId, seed);
    const capture = await this.#intake.begin(artifactId);
    this.#recordings.push(new Recording(artifactId, capture, seed, isMessage));
  }

  /** All running recordings hear what was said since the last tick, as a media server would. */
  async #speak(): Promise<void> {
    while (!this.#isOver) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      for (const recording of [...this.#recordings]) {
        this.mark('said', recording.artifactId, recording.elapsed());
        recording.hear();
        if (recording.isMessage && recording.said >= MESSAGE_MS * 8) void this.#finish(recording);
      }
    }
  }

  async #finish(recording: Recording): Promise<void> {
    this.#recordings.splice(this.#recordings.indexOf(recording), 1);
    const { artifactId, capture, said, seed } = recording;
    this.mark('over', artifactId, said);
    await capture.end();
    const { state } = await this.#vault.ask('artifact.close', { artifactId, keep: true });
    this.mark('closed', artifactId, said, state);
    if (seed % 3 === 0) {
      this.mark('disposing', artifactId);
      await this.#vault.ask('artifact.dispose', { caller: CALLER, artifactId });
      this.mark('disposed', artifactId);
    }
    await this.#begin(true);
  }

  async #callRecords(): Promise<void> {
    const cdr = sampleCdr({ callId: newId<'call'>() });
    this.mark('calling', cdr.callId);
    await this.#vault.ask('cdr.put', { cdr });
    this.mark('called', cdr.callId);
    await this.#vault.ask('calls.page', { caller: CALLER, page: { limit: 3 } });
    await new Promise((resolve) => setTimeout(resolve, 40));
  }

  async #settings(): Promise<void> {
    const clinic = { ...sampleClinic(), name: `Clinic ${newId()}` };
    const { version } = await this.#vault.ask('clinic.put', { caller: CALLER, clinic, summary: 'renamed' });
    this.mark('settings', version, clinic.name.replace(' ', '_'));
    await new Promise((resolve) => setTimeout(resolve, 120));
  }

  async #rotate(): Promise<void> {
    const secret = readFileSync(this.#plan.folders.keyFile, 'utf8');
    await this.#vault.ask('root.rotate', { caller: CALLER, using: { slot: 'key-file', secret } });
    this.mark('rotated');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  async #backups(target: string): Promise<void> {
    await this.#vault.ask('backup.create', { caller: CALLER, target });
    this.mark('backed-up');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

class Recording {
  readonly artifactId: ArtifactId;
  readonly capture: Capture;
  readonly seed: number;
  readonly isMessage: boolean;
  readonly #began = performance.now();
  /** Samples handed in. */
  said = 0;

  constructor(artifactId: ArtifactId, capture: Capture, seed: number, isMessage: boolean) {
    this.artifactId = artifactId;
    this.capture = capture;
    this.seed = seed;
    this.isMessage = isMessage;
  }

  /** Samples that were said by now. */
  elapsed(): number {
    return Math.floor((performance.now() - this.#began) / TICK_MS) * TICK_MS * 8;
  }

  hear(): void {
    const until = this.elapsed();
    if (until <= this.said) return;
    const audio = tone(until / 8, this.seed).subarray(this.said);
    this.capture.write(audio, this.said);
    this.said = until;
  }
}

async function main(plan: LoadPlan): Promise<void> {
  if (plan.synchronous !== undefined) weaken(plan.synchronous);
  const vault = await openVault(plan.folders);
  const path = join(plan.folders.spoolFolder, '..', 'intake.sock');
  const tokens = { media: 'load' };
  const onRequest = (message: Parameters<typeof answerIntake>[2], _link: unknown, type: string) =>
    answerIntake(vault.inner.intake, type, message);
  await LinkServer.listen({ path, tokens, clock: systemClock, onRequest });
  const load = new Load(vault, connectIntake({ socket: path, token: 'load', clock: systemClock }), plan);
  load.mark('ready');
  await load.run();
  process.exit(0); // with everything open, as a power cut would leave it
}

function weaken(mode: string): void {
  const { prototype } = SqliteDatabase;
  const original = prototype.pragma;
  prototype.pragma = function pragma(source, options) {
    return original.call(this, source.replace('synchronous = FULL', `synchronous = ${mode}`), options);
  };
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '') as LoadPlan);
