// What an open vault knows to be wrong with itself, and the checks that find it: at a start, beside the calls after it, and once a day. FORMAT.md §5.3, §7.3.
import type { ChainPosition } from '../../audit/chain.ts';
import { positionOf } from '../../audit/head.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Artifacts } from '../captured/artifacts.ts';
import type { Readers } from '../reading/readers.ts';
import { compareHeads, readHeads } from '../store/heads.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { checkDeeply, type DeepCheckResult } from './deep-check.ts';
import { checkMutableRows, checkTrail } from './trail-check.ts';

/** A trail up to this long is checked whole before the vault answers anything. */
const CHECK_AT_ONCE_ENTRIES = 2_000;
/** And so much audio: some tens of megabytes. */
const CHECK_AT_ONCE_CHUNKS = 20_000;
/** The first deep check after a start, those after it, and the rest between two slices: calls come first. */
const DEEP_FIRST_MS = 2 * 60_000;
const DEEP_EVERY_MS = 24 * 3_600_000;
const DEEP_REST_MS = 20;

export interface ChecksParts {
  readonly core: InnerCore;
  readonly artifacts: Artifacts;
  readonly readers: Readers;
  /** They read on threads of their own. */
  readonly hasReaders: boolean;
}

export class Checks implements Disposable {
  readonly #parts: ChecksParts;
  readonly #problems: string[] = [];
  #beside: Promise<void> = Promise.resolve();
  #daily: Disposable | undefined;
  #isEnded = false;

  constructor(parts: ChecksParts) {
    this.#parts = parts;
  }

  /** One sentence each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  note(problems: readonly string[]): void {
    this.#problems.push(...problems.filter((problem) => !this.#problems.includes(problem)));
  }

  /** Heads and mutable rows before anything is answered; the rest now when there is little, else beside the calls. */
  async begin(headsFile: string): Promise<void> {
    const { core, artifacts } = this.#parts;
    const { heads, isMissing } = readHeads(headsFile, core.keyring);
    if (isMissing) this.note(['The file of audit heads is missing; an old copy of the database would not be noticed.']);
    const difference = compareHeads(heads, core.trail);
    if (difference !== undefined) this.note([difference]);
    this.note(core.keyring.missingRoots.map(missingRoot));
    const faults = checkMutableRows(core);
    this.note(faults.problems);
    artifacts.distrust(faults.rows);
    await this.#checkRest(heads.map(positionOf));
  }

  /** Opens everything once a day, a little at a time, so that altered audio is named before somebody plays it. */
  schedule(delayMs: number = DEEP_FIRST_MS): void {
    const { core } = this.#parts;
    this.#daily = core.clock.after(delayMs, () => {
      if (!core.keyring.isUnlocked) return this.schedule(DEEP_EVERY_MS);
      const run = this.#checkDeeply().then(({ problems }) => {
        this.note(problems);
        if (!this.#isEnded) this.schedule(DEEP_EVERY_MS);
      });
      run.catch((thrown) => {
        if (this.#isEnded) return;
        // Records that are locked in the middle of it end it; it is begun again the next day.
        core.log.error({ code: codeOf(thrown) }, 'the check of all records was not finished');
        this.schedule(DEEP_EVERY_MS);
      });
    });
  }

  /** All problems that are known, once every record and all audio was opened. */
  async everything() {
    await this.#beside;
    const { core, artifacts } = this.#parts;
    const isLocked = !core.keyring.isUnlocked;
    const counts = { calls: 0, artifacts: 0, problems: [] };
    const deep = isLocked ? counts : await checkDeeply(core, artifacts, this.#pause);
    const problems = [...new Set([...this.#problems, ...deep.problems])];
    return { ...deep, problems, isLocked };
  }

  /** Settles when none is under way beside the calls. */
  idle(): Promise<void> {
    return this.#beside;
  }

  /** None begins any more, and what runs ends at its next pause. */
  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#daily?.[Symbol.dispose]();
  }

  readonly #pause = () => new Promise<boolean>((resolve) => setImmediate(() => resolve(!this.#isEnded)));

  async #checkDeeply(): Promise<DeepCheckResult> {
    const { core, artifacts, readers, hasReaders } = this.#parts;
    if (hasReaders) return (await readers.run('deep-check', { restMs: DEEP_REST_MS })).answer;
    const mayGoOn = () => !this.#isEnded && core.keyring.isUnlocked;
    const rest = () => new Promise<boolean>((resolve) => core.clock.after(DEEP_REST_MS, () => resolve(mayGoOn())));
    return checkDeeply(core, artifacts, rest);
  }

  /** The whole trail and all immutable rows. */
  async #checkRest(heads: readonly ChainPosition[]): Promise<void> {
    const { core, artifacts } = this.#parts;
    const newestChunk = core.db.prepare('SELECT max(id) FROM chunks').pluck().get() as number | null;
    const isSmall = core.trail.sequence <= CHECK_AT_ONCE_ENTRIES && (newestChunk ?? 0) <= CHECK_AT_ONCE_CHUNKS;
    if (isSmall) return this.note(await checkTrail(core, artifacts, heads, this.#pause));
    this.#beside = this.#checkBeside(heads).then(
      (problems) => this.note(problems),
      (thrown) => core.log.error({ err: thrown }, 'the check of the trail failed'),
    );
  }

  /** Begun again when a lock, an unlock or new keys end its reader. */
  async #checkBeside(heads: readonly ChainPosition[]): Promise<readonly string[]> {
    while (!this.#isEnded) {
      try {
        return (await this.#parts.readers.run('trail.check', { heads })).answer.problems;
      } catch (thrown) {
        if (codeOf(thrown) !== 'vault-closing') throw thrown;
      }
    }
    return [];
  }
}

function missingRoot(generation: number): string {
  const what = generation === 1 ? 'searching by number and registered phones' : 'older entries of the audit trail';
  return `What is kept of root ${generation} is gone or damaged: ${what} cannot be relied on; restore a backup.`;
}
