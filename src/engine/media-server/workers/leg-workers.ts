// Legs on worker threads: each new one goes to the worker with the fewest, all move on at one beat, and a worker that dies takes its own alone.
import { availableParallelism } from 'node:os';
import type { Clock } from '../../../kernel/clock.ts';
import type { Logger } from '../../../kernel/logger.ts';
import type { AudioLeg } from '../audio/leg.ts';
import type { Legs } from '../audio/legs.ts';
import { LegThread, type LegThreadTrial } from './leg-thread.ts';

export const MAX_WORKERS = 32;
/** Without a word from anybody: what a clinic calls at once never needs more. */
const MAX_DEFAULT_WORKERS = 8;
/** Beats that a worker may be behind before the others go on without it. */
const PATIENCE_BEATS = 10;
/** One that never came to take legs is not started again at once. */
const RESTART_MS = 1_000;

export interface LegWorkersOptions {
  readonly count: number;
  readonly rtpHost: string;
  /** Each worker has its slice; 0 and 0 lets the system choose. */
  readonly rtpPorts: { readonly first: number; readonly last: number };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trial?: LegThreadTrial;
}

/** A core is left to the main thread, and to the other processes. */
export function defaultWorkerCount(): number {
  return Math.min(MAX_DEFAULT_WORKERS, Math.max(1, availableParallelism() - 1));
}

/** Settles when all of them take legs. */
export async function startLegWorkers(options: LegWorkersOptions): Promise<LegWorkers> {
  const workers = new LegWorkers(options);
  await Promise.all(workers.threads.map((thread) => thread.ready));
  return workers;
}

export class LegWorkers implements Legs {
  workersLost = 0;
  readonly #options: LegWorkersOptions;
  readonly #threads: LegThread[];
  readonly #restarts = new Set<Disposable>();
  #onHeard: () => void = () => undefined;
  /** Workers whose answer the running beat waits for. */
  #awaited = 0;
  /** Beats that came due while one ran. */
  #owed = 0;
  #isStopping = false;

  constructor(options: LegWorkersOptions) {
    this.#options = options;
    const count = Math.min(MAX_WORKERS, Math.max(1, options.count));
    this.#threads = Array.from({ length: count }, (_, index) => this.#start(index, count));
  }

  get threads(): readonly LegThread[] {
    return this.#threads;
  }

  get workers(): number {
    return this.#threads.length;
  }

  get portsInUse(): number {
    return this.#threads.reduce((sum, { portsInUse }) => sum + portsInUse, 0);
  }

  async open(): Promise<AudioLeg> {
    const ready = this.#threads.filter(({ isReady }) => isReady);
    const [least = this.#threads[0]] = ready.toSorted(
      (a, b) => Number(a.isBehind) - Number(b.isBehind) || a.legs - b.legs,
    );
    if (least === undefined) throw new Error('a media server without workers');
    return least.open();
  }

  /** A beat that comes due while a worker still reads for the last one follows it at once; one that is far behind is left out. */
  beat(onHeard: () => void): void {
    this.#onHeard = onHeard;
    if (this.#awaited === 0) this.#begin();
    else if (++this.#owed > PATIENCE_BEATS) this.#finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    for (const restart of this.#restarts) restart[Symbol.dispose]();
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  #begin(): void {
    this.#awaited = this.#threads.reduce((sum, thread) => sum + (thread.beginBeat() ? 1 : 0), 0);
    if (this.#awaited === 0) this.#finish();
  }

  #answered(): void {
    this.#awaited--;
    if (this.#awaited === 0) this.#finish();
  }

  #finish(): void {
    this.#awaited = 0;
    this.#onHeard();
    for (const thread of this.#threads) thread.endBeat();
    if (this.#owed === 0 || this.#isStopping) return;
    this.#owed--;
    this.#begin();
  }

  #start(index: number, count: number): LegThread {
    const { rtpHost, rtpPorts } = this.#options;
    return new LegThread(
      { rtpHost, rtpPorts: sliceOf(rtpPorts, index, count) },
      {
        onHeard: () => this.#answered(),
        onDied: (code, wasAwaited) => {
          this.#died(index, code);
          if (wasAwaited) this.#answered();
        },
        onLegFailed: (code) => this.#options.logger.error({ code }, 'the audio of a call has failed'),
      },
      this.#options.trial,
    );
  }

  #died(index: number, code: string): void {
    if (this.#isStopping) return;
    const { clock, logger } = this.#options;
    this.workersLost++;
    logger.error({ code, worker: index }, 'an audio worker has died; its calls end, another one takes its place');
    const again = () => {
      this.#threads[index] = this.#start(index, this.#threads.length);
    };
    if (this.#threads[index]?.hasBeenReady === true) again();
    else {
      const restart = clock.after(RESTART_MS, () => {
        this.#restarts.delete(restart);
        again();
      });
      this.#restarts.add(restart);
    }
  }
}

/** Of `count` parts of a range the one at `index`, each beginning at an even port. */
export function sliceOf({ first, last }: { first: number; last: number }, index: number, count: number) {
  if (first === 0) return { first, last };
  const even = first + (first % 2);
  const pairs = Math.floor((last - even + 1) / 2);
  const from = Math.floor((pairs * index) / count);
  const to = Math.floor((pairs * (index + 1)) / count);
  return { first: even + 2 * from, last: even + 2 * to - 1 };
}
