// How long each transaction timer runs (RFC 3261 table 4, RFC 6026 §6), by whether the transport is reliable.
import type { TimerName } from './machine.ts';

/** Round-trip estimate, longest retransmission interval, longest life of a message in the network; milliseconds. */
export const T1_MS = 500;
export const T2_MS = 4_000;
export const T4_MS = 5_000;

interface Durations {
  /** Undefined: the timer is not started over that kind of transport. Zero: it fires at once. */
  readonly unreliable: number;
  readonly reliable: number | undefined;
  /** What doubling stops at; timer A has no such bound (§17.1.1.2). */
  readonly atMost?: number;
}

export const durations: Readonly<Record<TimerName, Durations>> = {
  a: { unreliable: T1_MS, reliable: undefined },
  b: { unreliable: 64 * T1_MS, reliable: 64 * T1_MS },
  d: { unreliable: 64 * T1_MS, reliable: 0 },
  e: { unreliable: T1_MS, reliable: undefined, atMost: T2_MS },
  f: { unreliable: 64 * T1_MS, reliable: 64 * T1_MS },
  g: { unreliable: T1_MS, reliable: undefined, atMost: T2_MS },
  h: { unreliable: 64 * T1_MS, reliable: 64 * T1_MS },
  i: { unreliable: T4_MS, reliable: 0 },
  j: { unreliable: 64 * T1_MS, reliable: 0 },
  k: { unreliable: T4_MS, reliable: 0 },
  l: { unreliable: 64 * T1_MS, reliable: 64 * T1_MS },
  m: { unreliable: 64 * T1_MS, reliable: 64 * T1_MS },
};
