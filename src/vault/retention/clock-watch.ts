// Whether the clock can be believed when it says that something is old: what is destroyed by its age is destroyed for good.
import type { UtcMs } from '../../kernel/clock.ts';
import { SETTINGS } from '../clinic/settings.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { VAULT_ACTOR } from '../store/inner-core.ts';
import type { InnerTransaction } from '../store/transact.ts';

const WITHHELD = 'retention-withheld';
const CORRECTIONS = 'clock-setbacks';
const DAY_MS = 24 * 3_600_000;
/** A box may be off for a while; a clock that is further past the last entry is taken to be wrong. */
const MAX_OFF_MS = 31 * DAY_MS;
/** While it runs, the monotonic clock tells how much time passed. */
const MAX_LEAP_MS = DAY_MS;
const MAX_CORRECTIONS = 100;

interface Withheld {
  readonly since: number;
  /** The latest time that was believed before the leap, and the first entry that was written after it. */
  readonly believed?: number;
  readonly entry?: number;
}

/** The clock was set back: what was written from that entry on is no older than this, whatever the clock said then. */
interface Setback {
  readonly entry: number;
  readonly at: number;
  /** That time had not been believed: it says nothing of what came after, only that something before it looks too young. */
  readonly isDoubted?: boolean;
}

/** Somebody said that the clock was right: what was written before that entry was written by then. */
interface Ceiling {
  readonly entry: number;
  readonly at: number;
}

interface Corrections {
  readonly setbacks: readonly Setback[];
  readonly ceilings?: readonly Ceiling[];
}

/** When that entry was written, as far as that is known; 0 for one that is missing or damaged. */
export function writtenAt(core: InnerCore, entry: number): number {
  const at = stampOf(core, entry);
  if (at === 0) return 0;
  const now = core.clock.now();
  const { setbacks, ceilings = [] } = corrections(core);
  // A setback that lies ahead was of a clock that had been ahead: it says nothing.
  const floors = setbacks.filter((each) => !each.isDoubted && each.entry <= entry && each.at <= now);
  const above = ceilings.filter((each) => each.entry > entry);
  return Math.min(Math.max(at, ...floors.map((each) => each.at)), ...above.map((each) => each.at));
}

function stampOf({ trail }: InnerCore, entry: number): number {
  try {
    return trail.read(entry)?.at ?? 0;
  } catch {
    return 0;
  }
}

function corrections({ records }: InnerCore): Corrections {
  return records.get<Corrections>(SETTINGS, CORRECTIONS)?.value ?? { setbacks: [] };
}

export class ClockWatch {
  readonly #core: InnerCore;
  /** The latest time that was believed. */
  #newest = 0;
  #looked = { wall: 0, monotonic: 0 };

  constructor(core: InnerCore) {
    this.#core = core;
  }

  /** Compares the clock with the last entry of before this start. */
  begin(): void {
    const { trail, clock } = this.#core;
    const now = clock.now();
    this.#newest = this.#held?.believed ?? writtenAt(this.#core, trail.sequence);
    this.#looked = { wall: now, monotonic: clock.monotonic() };
    this.#judge(now, this.#newest, MAX_OFF_MS);
  }

  /** Compares the clock with how much time has passed. */
  look(): void {
    const now = this.#core.clock.now();
    const monotonic = this.#core.clock.monotonic();
    const expected = this.#looked.wall + monotonic - this.#looked.monotonic;
    this.#looked = { wall: now, monotonic };
    // A clock that was behind and is right again comes from where it stood before the start.
    if (expected < this.#newest) this.#judge(now, this.#newest, MAX_OFF_MS);
    else this.#judge(now, expected, MAX_LEAP_MS);
  }

  /** While it is so, nothing is destroyed by its age: until somebody sets the rules again, or the clock is back. */
  get isWithheld(): boolean {
    return this.#held !== undefined;
  }

  problems(): string[] {
    if (this.isWithheld)
      return [
        'The clock leapt forward; nothing is destroyed by its age until it is right again, or somebody sets a rule again (`wardline vault retention set`).',
      ];
    const now = this.#core.clock.now();
    const latest = Math.max(0, ...this.#setbacks.filter((each) => isAhead(each, now)).map(({ at }) => at));
    if (latest === 0) return [];
    const until = new Date(latest).toISOString().slice(0, 10);
    return [
      `The clock stands before ${until}, which it has shown already; what was written then counts as of that day. Set the clock if it is behind; if it is right, set a rule again (\`wardline vault retention set\`), and its days count from now.`,
    ];
  }

  /** Somebody has looked at it and says that the clock is right; inside the transaction that sets the rules. */
  accept(tx: Pick<InnerTransaction, 'entry' | 'delete' | 'put'>): void {
    tx.delete(SETTINGS, WITHHELD);
    const at = this.#core.clock.now();
    const { setbacks, ceilings = [] } = corrections(this.#core);
    const past = setbacks.filter((each) => !isAhead(each, at));
    if (past.length === setbacks.length) return;
    tx.put(SETTINGS, CORRECTIONS, {
      setbacks: past,
      ceilings: [...ceilings.filter((each) => each.at < at), { entry: tx.entry, at }].slice(-MAX_CORRECTIONS),
    } satisfies Corrections);
    this.#newest = at;
    this.#looked = { wall: at, monotonic: this.#core.clock.monotonic() };
  }

  #judge(now: UtcMs, expected: number, limit: number): void {
    const held = this.#held;
    if (held !== undefined) {
      if (now < held.since) this.#believeAgain(held, expected);
    } else if (now - expected > limit) {
      const entry = this.#core.trail.sequence + 1;
      const doubted: Withheld = { since: now, believed: expected, entry };
      this.#write('the clock leapt: nothing is destroyed by age', WITHHELD, doubted);
      return; // not believed
    } else if (expected - now > MAX_LEAP_MS) {
      if (!this.#setbacks.some(({ at }) => at === expected)) this.#setBack(expected, false);
      this.#newest = Math.max(this.#newest, expected);
    }
    this.#newest = Math.max(this.#newest, this.isWithheld ? 0 : now);
  }

  #believeAgain({ since, entry }: Withheld, expected: number): void {
    const shown = Math.max(expected, since, stampOf(this.#core, this.#core.trail.sequence));
    this.#write('the clock is right again', WITHHELD, undefined);
    if (this.#hasCaptured(entry)) this.#setBack(shown, true);
  }

  #setBack(at: number, isDoubted: boolean): void {
    const known = corrections(this.#core);
    const setback: Setback = { entry: this.#core.trail.sequence + 1, at, ...(isDoubted && { isDoubted }) };
    const setbacks = limited([...known.setbacks, setback]);
    this.#write('the clock was set back', CORRECTIONS, { ...known, setbacks } satisfies Corrections);
  }

  /** Whether a call, message or recording was written since that entry. */
  #hasCaptured(entry = 0): boolean {
    const newest = (table: string) => this.#core.db.prepare(`SELECT max(seq), entry FROM ${table}`).get();
    const rows = [newest('calls'), newest('artifacts')] as { entry: number | null }[];
    return rows.some((row) => (row.entry ?? -1) >= entry);
  }

  get #held(): Withheld | undefined {
    return this.#core.records.get<Withheld>(SETTINGS, WITHHELD)?.value;
  }

  get #setbacks(): readonly Setback[] {
    return corrections(this.#core).setbacks;
  }

  #write(detail: string, row: string, value: object | undefined): void {
    const entry = { action: 'retention-changed', actor: VAULT_ACTOR, address: '', outcome: 'ok', detail } as const;
    this.#core.transact(entry, (tx) => {
      if (value === undefined) tx.delete(SETTINGS, row);
      else tx.put(SETTINGS, row, value);
    });
  }
}

/** From a time that is yet to come: the clock was ahead then, or is behind now. */
function isAhead({ at }: Setback, now: number): boolean {
  return at > now + MAX_LEAP_MS;
}

/** Of too many, the oldest two become one that keeps what either keeps. */
function limited([first, second, ...others]: readonly Setback[]): Setback[] {
  if (first === undefined || second === undefined || others.length + 2 <= MAX_CORRECTIONS)
    return [first, second, ...others].filter((each) => each !== undefined);
  return [{ entry: Math.min(first.entry, second.entry), at: Math.max(first.at, second.at) }, ...others];
}
