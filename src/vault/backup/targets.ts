// Backup targets, and which disposals are complete: an artifact is gone for good when no target's bundle holds its keys any more.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import { DISPOSALS, type DisposalRecord, TARGETS, type TargetRecord } from '../captured/disposals.ts';
import type { Handlers } from '../handlers.ts';
import type { Readers } from '../reading/readers.ts';
import type { Caller } from '../shapes.ts';
import type { Heads } from '../store/heads.ts';
import { type InnerCore, VAULT_ACTOR } from '../store/inner-core.ts';
import { readText, slotsProblem } from './check-files.ts';
import { MANIFEST_NAME, type Manifest } from './manifest.ts';
import { readTarget, runBackup } from './run.ts';
import type { WriteFilesAsk } from './write-files.ts';

const MAX_TARGETS = 16;
/** A target that was not written for this long gets its run by itself. */
const EVERY_MS = 24 * 3_600_000;
const LOOK_MS = 15 * 60_000;
const OVERDUE_MS = 3 * EVERY_MS;

export type BackupOperation = 'backup.create' | 'backup.status' | 'backup.verify' | 'backup.forget';

export class Backups implements Disposable {
  readonly #core: InnerCore;
  readonly #heads: Heads;
  readonly #readers: Readers;
  readonly #isClosing: () => boolean;
  #running: Promise<unknown> | undefined;
  #timer: Disposable | undefined;

  constructor(core: InnerCore, heads: Heads, readers: Readers, isClosing: () => boolean) {
    this.#core = core;
    this.#readers = readers;
    this.#heads = heads;
    this.#isClosing = isClosing;
  }

  handlers(flush: () => void): Pick<Handlers, BackupOperation> {
    return {
      'backup.create': ({ caller, target, isAnew = false }) =>
        this.#exclusively(() => this.#create(caller, { path: target, isAnew }, flush)),
      'backup.status': () => this.#status(),
      'backup.verify': ({ caller, target }) => this.#exclusively(() => this.#verify(caller, target)),
      'backup.forget': ({ caller, targetId }) => this.#forget(caller, targetId),
    };
  }

  /** Runs, from time to time, what is due. */
  schedule(flush: () => void): void {
    this.#timer = this.#core.clock.after(LOOK_MS, () => {
      void this.#runDue(flush).finally(() => !this.#isClosing() && this.schedule(flush));
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  /** Targets that were not written for days, for the vault's status. */
  overdue(): string[] {
    const since = this.#core.clock.now() - OVERDUE_MS;
    return this.#core.records
      .list<TargetRecord>(TARGETS)
      .filter(({ value }) => value.lastAt < since && value.addedAt < since)
      .map(
        ({ value }) =>
          `The backup to ${value.path} is more than three days old; check that disk, or forget the target.`,
      );
  }

  /** The target that was written last and can be seen. */
  newest(): { path: string; bytes: number } | undefined {
    const { targets } = this.#status();
    return targets.filter(({ isThere, lastAt }) => isThere && lastAt > 0).sort((a, b) => b.lastAt - a.lastAt)[0];
  }

  /** When the oldest of today's targets was named. */
  firstAt(): number | undefined {
    const added = this.#core.records.list<TargetRecord>(TARGETS).map(({ value }) => value.addedAt);
    return added.length === 0 ? undefined : Math.min(...added);
  }

  /** Settles when no run is under way; a run ends at its next pause when the vault is closing. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #runDue(flush: () => void): Promise<void> {
    const caller = { actor: VAULT_ACTOR, address: '' };
    for (const { row, value } of this.#core.records.list<TargetRecord>(TARGETS)) {
      // A run that seems to lie ahead was made by a clock that was ahead.
      if (this.#running !== undefined || Math.abs(this.#core.clock.now() - value.lastAt) < EVERY_MS) continue;
      if (this.#isGone(value.path, { row, value })) continue;
      await this.#exclusively(() => this.#create(caller, value, flush)).catch((thrown: unknown) => {
        this.#core.log.error({ err: thrown, target: row }, 'a backup failed');
      });
    }
  }

  async #exclusively<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.#running !== undefined) {
      throw new WardlineError('backup-running', 'Another backup runs just now; try again when it is done.');
    }
    const running = work();
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }

  async #create(caller: Caller, { path, isAnew = false }: { path: string; isAnew?: boolean }, flush: () => void) {
    const target = resolve(path);
    const known = this.#find(target);
    if (known === undefined && this.#core.records.count(TARGETS) >= MAX_TARGETS) {
      throw new WardlineError('backup-target', 'There are too many backup targets; forget one first.');
    }
    flush();
    const id = known?.row ?? newId();
    const run = newId();
    try {
      const before = this.#runThere(target, known);
      this.#begin(caller, { id, target, runs: [...before, run] }, known?.value);
      const sign = (message: Uint8Array) => this.#heads.signature(message);
      const write = async (ask: WriteFilesAsk) =>
        (await this.#readers.run('backup.write', ask, (bytes) => this.#progress(bytes))).answer;
      const { manifest, bytes, rows } = await runBackup({ core: this.#core, target, run, isAnew, sign, write });
      this.#register(caller, { id, target, manifest });
      const completed = this.#complete(id, manifest.until);
      return { target, until: manifest.until, bytes, rows, files: manifest.files.length, completed };
    } catch (thrown) {
      const detail = thrown instanceof WardlineError ? thrown.code : 'internal';
      const entry = { action: 'backup-created', ...caller, outcome: 'failed', subject: id, detail } as const;
      const isNew = known === undefined && !hasBackup(target);
      if (!this.#isClosing()) this.#core.transact(entry, (tx) => isNew && tx.delete(TARGETS, id));
      throw thrown;
    }
  }

  /**
   * The run whose manifest lies in the folder. An empty mount point, or another disk in the same place, is not the one that was
   * there, and what is written to it replaces no keys on that one. @throws WardlineError `backup-gone`, `backup-damaged`
   */
  #runThere(target: string, known: { row: string; value: TargetRecord } | undefined): string[] {
    const manifest = readTarget(this.#core, target);
    const runs = known?.value.runs;
    const isOther = manifest === undefined || (runs !== undefined && !runs.includes(manifest.run));
    if (known !== undefined && known.value.lastAt > 0 && isOther) throw gone(target, known.row);
    return manifest === undefined ? [] : [manifest.run];
  }

  /** Whether a run by itself has anything to write to; when not, the status says so after three days. */
  #isGone(target: string, known: { row: string; value: TargetRecord }): boolean {
    try {
      this.#runThere(target, known);
      return false;
    } catch (thrown) {
      return codeOf(thrown) === 'backup-gone';
    }
  }

  /** From here on the target counts as holding the keys of all that is in the vault: the run's snapshot comes after this. */
  #begin(
    caller: Caller,
    { id, target: path, runs }: { id: string; target: string; runs: readonly string[] },
    before: TargetRecord | undefined,
  ): void {
    const addedAt = this.#core.clock.now();
    const record = before ?? { path, addedAt, lastAt: 0, until: 0, bytes: 0 };
    const entry = { action: 'backup-started', ...caller, outcome: 'ok', subject: id, detail: path } as const;
    this.#core.transact(entry, (tx) => tx.put(TARGETS, id, { ...record, runs, mayHold: tx.entry }));
  }

  #register(caller: Caller, { id, target, manifest }: { id: string; target: string; manifest: Manifest }): void {
    const { clock, records } = this.#core;
    const before = records.get<TargetRecord>(TARGETS, id)?.value;
    const bytes = [...manifest.files, manifest.bundle].reduce((sum, file) => sum + file.bytes, 0);
    const lastAt = clock.now();
    const { until } = manifest;
    const addedAt = before?.addedAt ?? lastAt;
    const record = { path: target, addedAt, lastAt, until, mayHold: until, bytes, runs: [manifest.run] };
    const detail = `${target}, up to entry ${manifest.until}`;
    const entry = { action: 'backup-created', ...caller, outcome: 'ok', subject: id, detail } as const;
    this.#core.transact(entry, (tx) => tx.put(TARGETS, id, record));
  }

  /** The target's bundle is of after these disposals: it no longer holds their keys. Answers how many are complete now. */
  #complete(targetId: string, until: number): number {
    const waiting = this.#core.records.list<DisposalRecord>(DISPOSALS);
    const touched = waiting.filter(({ value }) => value.entry <= until && value.waits.includes(targetId));
    if (touched.length === 0) return 0;
    const done = touched.filter(({ value }) => value.waits.length === 1);
    const detail = `${done.length} are gone from every backup, ${touched.length - done.length} wait for another target`;
    const entry = { action: 'disposal-completed', actor: VAULT_ACTOR, address: '', outcome: 'ok', detail } as const;
    this.#core.transact(entry, (tx) => {
      for (const { row, value } of touched) {
        const waits = value.waits.filter((id) => id !== targetId);
        if (waits.length === 0) tx.delete(DISPOSALS, row);
        else tx.put(DISPOSALS, row, { ...value, waits });
      }
    });
    return done.length;
  }

  #status() {
    const waiting = this.#core.records.list<DisposalRecord>(DISPOSALS);
    const targets = this.#core.records.list<TargetRecord>(TARGETS).map(({ row, value }) => ({
      ...{ id: row, path: value.path, lastAt: value.lastAt, until: value.until, bytes: value.bytes },
      isThere: existsSync(value.path) && !this.#isGone(value.path, { row, value }),
      holdsDisposed: waiting.filter((disposal) => disposal.value.waits.includes(row)).length,
    }));
    return { targets, disposalsWaiting: waiting.length };
  }

  async #verify(caller: Caller, path: string) {
    const target = resolve(path);
    const manifest = readTarget(this.#core, target);
    if (manifest === undefined)
      throw new WardlineError('backup-missing', `There is no backup in ${target}; check the folder.`);
    const all = [...manifest.files, manifest.bundle];
    const progress = (bytes: number) => this.#progress(bytes);
    const { problems: found } = (await this.#readers.run('backup.files', { target, files: all }, progress)).answer;
    const unopened = slotsProblem(target, manifest);
    const problems = unopened === undefined ? found : [unopened, ...found];
    const outcome = problems.length === 0 ? 'ok' : 'failed';
    this.#core.record({
      action: 'backup-verified',
      ...caller,
      outcome,
      detail: `${target}, ${problems.length} problems`,
    });
    const { until, createdAt, files } = manifest;
    return { ok: problems.length === 0, problems, until, createdAt, files: files.length + 1 };
  }

  #forget(caller: Caller, targetId: string): Record<string, never> {
    const found = this.#core.records.get<TargetRecord>(TARGETS, targetId);
    if (found === undefined)
      throw new WardlineError('backup-target', 'There is no such target; `wardline backup list` names them.');
    const held = this.#status().targets.find(({ id }) => id === targetId)?.holdsDisposed ?? 0;
    const detail = `${found.value.path}, given up while it held the keys of ${held} disposed artifacts`;
    const entry = { action: 'backup-forgotten', ...caller, outcome: 'ok', subject: targetId, detail } as const;
    this.#core.transact(entry, (tx) => tx.delete(TARGETS, targetId));
    return {};
  }

  #find(path: string) {
    return this.#core.records.list<TargetRecord>(TARGETS).find(({ value }) => value.path === path);
  }

  #progress(bytes: number): void {
    this.#core.notify('backup.progress', { bytes });
  }
}

function gone(target: string, id: string): WardlineError {
  return new WardlineError(
    'backup-gone',
    `The backup that was in ${target} is not there: connect its disk. If it is lost, give it up (\`wardline backup forget ${id}\`); for another disk, name another folder on it.`,
  );
}

/** Whether a folder looks like a backup, without a secret. */
export function hasBackup(folder: string): boolean {
  try {
    return readText(resolve(folder, MANIFEST_NAME)).startsWith('wardline-manifest-');
  } catch {
    return false;
  }
}
