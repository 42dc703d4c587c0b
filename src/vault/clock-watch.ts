// Whether the clock can be believed when it says that something is old: what is destroyed by its age is destroyed for good.
import type { UtcMs } from '../kernel/clock.ts';
import type { InnerCore } from './engine.ts';
import { VAULT_ACTOR } from './engine.ts';
import { SETTINGS } from './settings.ts';

const WITHHELD = 'retention-withheld';
const SETBACKS = 'clock-setbacks';
const DAY_MS = 24 * 3_600_000;
/** A box may be off for a while; a clock that is further past the last entry is taken to be wrong. */
const MAX_OFF_MS = 31 * DAY_MS;
/** While it runs, the monotonic clock tells how much time passed. */
const MAX_LEAP_MS = DAY_MS;
const MAX_SETBACKS = 100;

interface Withheld {
  readonly since: number;
}

/** The clock was set back: what was written from that entry on is no older than this, whatever the clock said then. */
interface Setback {
  readonly entry: number;
  readonly at: number;
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
    this.#newest = this.at(trail.sequence);
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
    if (!this.isWithheld) return [];
    return [
      'The clock leapt forward; nothing is destroyed by its age until it is right again, or somebody sets a rule again (`wardline vault retention set`).',
    ];
  }

  /** Somebody has looked at it and says that the clock is right; inside the transaction that sets the rules. */
  accept(tx: { delete(space: string, row: string): boolean }): void {
    tx.delete(SETTINGS, WITHHELD);
  }

  /** When that entry was written, as far as that is known; 0 for one that is missing or damaged. */
  at(entry: number): number {
    const at = this.#written(entry);
    const now = this.#core.clock.now();
    // A setback that lies ahead was of a clock that had been ahead: it says nothing.
    const floors = this.#setbacks.filter((each) => each.entry <= entry && each.at <= now).map((each) => each.at);
    return at === 0 ? 0 : Math.max(at, ...floors);
  }

  #written(entry: number): number {
    try {
      return this.#core.trail.read(entry)?.at ?? 0;
    } catch {
      return 0;
    }
  }

  #judge(now: UtcMs, expected: number, limit: number): void {
    const held = this.#held;
    if (held !== undefined) {
      if (now < held.since) this.#write('the clock is right again', WITHHELD, undefined);
    } else if (now - expected > limit) {
      this.#write('the clock leapt: nothing is destroyed by age', WITHHELD, { since: now } satisfies Withheld);
      return; // not believed
    } else if (expected - now > MAX_LEAP_MS) {
      const setback: Setback = { entry: this.#core.trail.sequence + 1, at: expected };
      const setbacks = [...this.#setbacks, setback].slice(-MAX_SETBACKS);
      this.#write('the clock was set back', SETBACKS, { setbacks });
    }
    this.#newest = Math.max(this.#newest, this.isWithheld ? 0 : now);
  }

  get #held(): Withheld | undefined {
    return this.#core.records.get<Withheld>(SETTINGS, WITHHELD)?.value;
  }

  get #setbacks(): readonly Setback[] {
    return this.#core.records.get<{ setbacks: readonly Setback[] }>(SETTINGS, SETBACKS)?.value.setbacks ?? [];
  }

  #write(detail: string, row: string, value: object | undefined): void {
    const entry = { action: 'retention-changed', actor: VAULT_ACTOR, address: '', outcome: 'ok', detail } as const;
    this.#core.transact(entry, (tx) => {
      if (value === undefined) tx.delete(SETTINGS, row);
      else tx.put(SETTINGS, row, value);
    });
  }
}
