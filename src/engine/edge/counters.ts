// What the edge has seen and holds, as numbers for `status`; no names, no numbers of people, no URIs.

export interface Counters {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly serverTransactions: number;
  readonly clientTransactions: number;
  /** Requests that came again. */
  readonly retransmissionsIn: number;
  /** What we sent again for want of an answer. */
  readonly retransmissionsOut: number;
  readonly bans: number;
  /** Requests that got silence: of banned sources, and scanners' own. */
  readonly droppedBanned: number;
  readonly droppedScanner: number;
  /** What could not be parsed or was refused, by a stable word. */
  readonly faults: Readonly<Record<string, number>>;
}

/** Distinct fault words that are counted; they are ours, so this is a guard against a mistake. */
const MAX_FAULT_WORDS = 64;

type Name = Exclude<keyof Counters, 'faults'>;

export class EdgeCounters {
  readonly #counts: Record<Name, number> = {
    messagesIn: 0,
    messagesOut: 0,
    framesIn: 0,
    framesOut: 0,
    serverTransactions: 0,
    clientTransactions: 0,
    retransmissionsIn: 0,
    retransmissionsOut: 0,
    bans: 0,
    droppedBanned: 0,
    droppedScanner: 0,
  };
  readonly #faults = new Map<string, number>();

  add(name: Name): void {
    this.#counts[name] += 1;
  }

  fault(word: string): void {
    if (this.#faults.has(word) || this.#faults.size < MAX_FAULT_WORDS) {
      this.#faults.set(word, (this.#faults.get(word) ?? 0) + 1);
    }
  }

  snapshot(): Counters {
    return { ...this.#counts, faults: Object.fromEntries(this.#faults) };
  }
}
