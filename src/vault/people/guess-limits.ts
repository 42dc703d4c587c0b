// How guessing is slowed down: after some failures an account, or an address, waits, and twice as long after each further one.
import type { Clock, UtcMs } from '../../kernel/clock.ts';
import type { GuardRecord } from './records.ts';

/** Failures in a row before an account waits for the first time, for the address that they came from. */
export const FREE_FAILURES = 5;
/** Failures from anywhere before an account waits for everybody, and how long then: many addresses guess slowly, the person gets in. */
const FREE_ACCOUNT_FAILURES = 20;
const ACCOUNT_WAIT_MS = 5_000;
/** Addresses that one account's guard remembers; the one that was quiet longest is forgotten first. */
const MAX_ADDRESSES = 50;
/** An address serves a whole office now and then, so it may fail more often. */
export const FREE_ADDRESS_FAILURES = 20;
const FIRST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 3_600_000;
/** An address without a failure for this long starts afresh. */
const FORGET_MS = 3_600_000;
/** Addresses and unknown logins remembered, each; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** The wait that the `failures`-th failure in a row brings. */
export function waitMs(failures: number, free: number): number {
  return failures < free ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, failures - free));
}

/** The account's guard after one more failure from that address. */
export function afterFailure(guard: GuardRecord, address: string, now: UtcMs): GuardRecord {
  const failures = guard.failures + 1;
  const { [address]: before, ...others } = guard.addresses ?? {};
  const fromHere = (before?.failures ?? 0) + 1;
  const lockedHere = (now + waitMs(fromHere, FREE_FAILURES)) as UtcMs;
  const kept = Object.entries(others)
    .sort(([, left], [, right]) => right.lastAt - left.lastAt)
    .slice(0, MAX_ADDRESSES - 1);
  const addresses = {
    ...Object.fromEntries(kept),
    [address]: { failures: fromHere, lockedUntil: lockedHere, lastAt: now },
  };
  const wait = failures < FREE_ACCOUNT_FAILURES ? 0 : ACCOUNT_WAIT_MS;
  return { ...guard, failures, lockedUntil: (now + wait) as UtcMs, addresses };
}

/** The account's guard after a log-in from that address; what others guessed stays counted against them. */
export function afterLogin({ addresses = {} }: GuardRecord, address: string, lastStep: number): GuardRecord {
  const { [address]: _own, ...others } = addresses;
  return { failures: 0, lockedUntil: 0 as UtcMs, lastStep, addresses: others };
}

/** Whether an account waits before it may be tried again from that address. */
export function isLocked({ lockedUntil: forAll, addresses = {} }: GuardRecord, address: string, now: UtcMs): boolean {
  return [forAll, addresses[address]?.lockedUntil ?? 0].some((until) => isAhead(until, now));
}

/** A wait that is longer than any was begun by a clock that was ahead: it is over. */
export function isAhead(lockedUntil: number, now: UtcMs): boolean {
  return lockedUntil > now && lockedUntil <= now + LONGEST_WAIT_MS;
}

interface Remembered {
  failures: number;
  lockedUntil: number;
  lastAt: number;
}

/** Failures by address, or by a login that nobody has; in memory, since they outlive no restart worth guarding against. */
export class GuessMemory {
  readonly #clock: Clock;
  readonly #free: number;
  readonly #byKey = new Map<string, Remembered>();

  constructor(clock: Clock, free: number) {
    this.#clock = clock;
    this.#free = free;
  }

  isLocked(key: string): boolean {
    return isAhead(this.#byKey.get(key)?.lockedUntil ?? 0, this.#clock.now());
  }

  /** Notes a failure; true when a wait begins with it. */
  fail(key: string): boolean {
    const now = this.#clock.now();
    const before = this.#byKey.get(key);
    const failures = before !== undefined && now - before.lastAt < FORGET_MS ? before.failures + 1 : 1;
    const wait = waitMs(failures, this.#free);
    this.#byKey.delete(key);
    const oldest = this.#byKey.keys().next();
    if (this.#byKey.size >= MAX_REMEMBERED && !oldest.done) this.#byKey.delete(oldest.value);
    this.#byKey.set(key, { failures, lockedUntil: now + wait, lastAt: now });
    return wait > 0;
  }
}
