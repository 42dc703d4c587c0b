// Who may begin: connections of one source that have proven nothing take turns, unread, so that 2,000 phones behind one address
// all get in after a power cut, and one that never signs in holds few (`FloodLimits`).
import type { Clock } from '../../kernel/clock.ts';
import { type FloodLimits, SourceBuckets, sourceOf } from './flood.ts';
import type { StackLimits } from './limits.ts';

/** How often those that wait are looked at for the rate of their source. */
const LOOK_MS = 100;

export interface Entrant {
  /** It may be read now; called within `enter`, or later. */
  begin(): void;
  /** Its turn did not come in time, or it proved nothing in time. */
  cut(reason: 'flood' | 'proved-nothing'): void;
}

/** A connection's place; to be disposed of when it ends. */
export interface Turn extends Disposable {
  /** One of its requests was granted: it counts no longer, neither against its source's number nor against its rate. */
  prove(): void;
}

interface Place {
  readonly source: string;
  readonly entrant: Entrant;
  readonly sinceMs: number;
  state: 'waiting' | 'begun' | 'over';
  deadline?: Disposable;
}

export class Turnstile {
  readonly #clock: Clock;
  readonly #flood: FloodLimits;
  readonly #limits: StackLimits;
  readonly #buckets: SourceBuckets;
  /** Connections under way that have proven nothing, by source. They are open sockets, which are bounded, and so are these two. */
  readonly #begun = new Map<string, number>();
  /** Those that wait, by source, the first first. */
  readonly #waiting = new Map<string, Set<Place>>();
  #waitingCount = 0;
  #look: Disposable | undefined;

  constructor(clock: Clock, flood: FloodLimits, limits: StackLimits) {
    this.#clock = clock;
    this.#flood = flood;
    this.#limits = limits;
    this.#buckets = new SourceBuckets(clock, flood.connectionsPerSecond, flood.connectionBurst);
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  /** A place for a connection from `address`; undefined when there is no room left to wait in. */
  enter(address: string, entrant: Entrant): Turn | undefined {
    const place: Place = { source: sourceOf(address), entrant, sinceMs: this.#clock.monotonic(), state: 'waiting' };
    if (!this.#waiting.has(place.source) && this.#mayBegin(place.source)) this.#begin(place);
    else if (!this.#hasRoom(place.source)) return undefined;
    else this.#queue(place);
    return { prove: () => this.#proved(place), [Symbol.dispose]: () => this.#end(place) };
  }

  close(): void {
    this.#look?.[Symbol.dispose]();
    for (const places of this.#waiting.values()) for (const place of places) place.state = 'over';
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  #hasRoom(source: string): boolean {
    const { waitingConnections, waitingPerAddress } = this.#limits;
    return this.#waitingCount < waitingConnections && (this.#waiting.get(source)?.size ?? 0) < waitingPerAddress;
  }

  #mayBegin(source: string): boolean {
    return (this.#begun.get(source) ?? 0) < this.#flood.unprovenConnections && this.#buckets.take(source);
  }

  #begin(place: Place): void {
    place.state = 'begun';
    this.#begun.set(place.source, (this.#begun.get(place.source) ?? 0) + 1);
    place.deadline = this.#clock.after(this.#flood.unprovenMs, () => place.entrant.cut('proved-nothing'));
    place.entrant.begin();
  }

  #queue(place: Place): void {
    const places = this.#waiting.get(place.source) ?? new Set();
    this.#waiting.set(place.source, places.add(place));
    this.#waitingCount += 1;
    this.#look ??= this.#clock.after(LOOK_MS, () => this.#lookAround());
  }

  #unqueue(place: Place): void {
    const places = this.#waiting.get(place.source);
    if (places?.delete(place) !== true) return;
    this.#waitingCount -= 1;
    if (places.size === 0) this.#waiting.delete(place.source);
  }

  #proved(place: Place): void {
    if (place.state === 'begun') this.#buckets.giveBack(place.source);
    this.#end(place);
  }

  #end(place: Place): void {
    const { state, source } = place;
    place.state = 'over';
    place.deadline?.[Symbol.dispose]();
    if (state === 'waiting') this.#unqueue(place);
    if (state !== 'begun') return;
    const left = (this.#begun.get(source) ?? 1) - 1;
    if (left > 0) this.#begun.set(source, left);
    else this.#begun.delete(source);
    this.#callNext(source);
  }

  #callNext(source: string): void {
    for (const place of this.#waiting.get(source) ?? []) {
      if (!this.#mayBegin(source)) return;
      this.#unqueue(place);
      this.#begin(place);
    }
  }

  #lookAround(): void {
    this.#look = undefined;
    const now = this.#clock.monotonic();
    for (const [source, places] of this.#waiting) {
      for (const place of places) {
        if (now - place.sinceMs < this.#limits.waitingMs) break;
        this.#unqueue(place);
        place.state = 'over';
        place.entrant.cut('flood');
      }
      this.#callNext(source);
    }
    if (this.#waitingCount > 0) this.#look ??= this.#clock.after(LOOK_MS, () => this.#lookAround());
  }
}
