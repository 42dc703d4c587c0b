// One leg worker from the main thread's side: its messages, its place in the beat, and its end.
import { Worker } from 'node:worker_threads';
import { codeOf, WardlineError } from '../../../kernel/errors.ts';
import type { HostPort } from '../../../kernel/ip.ts';
import type { AudioLeg } from '../audio/leg.ts';
import { LegSlot } from './leg-slot.ts';
import type { FromWorker, ToWorker, WorkerData, WorkerSetup } from './messages.ts';
import { Bell } from './nap.ts';
import { type LegHome, RemoteLeg } from './remote-leg.ts';

/** A worker whose heap grows beyond this ends, and no other thread does. */
const MAX_HEAP_MB = 1024;
/** Packets are short-lived garbage: with room for a second's worth little of it is ever copied. */
const YOUNG_MB = 64;
/** A worker that has not answered for so many beats, 5 s, never will. */
const MAX_MISSED_BEATS = 250;
/** One that has not come to take legs within so many, half a minute, never will. */
const MAX_BEATS_TO_START = 1_500;
/** One that has missed so many is given no new leg. */
const FEW_BEATS = 25;

/** For tests: another root of the thread, and fewer beats until it is given up. */
export interface LegThreadTrial {
  readonly root?: URL;
  readonly maxMissedBeats?: number;
}

export interface LegThreadEvents {
  /** It has answered a beat that waited for it. */
  readonly onHeard: () => void;
  readonly onDied: (code: string, wasAwaited: boolean) => void;
  readonly onLegFailed: (code: string) => void;
}

interface Opening {
  readonly slot: LegSlot;
  readonly resolve: (leg: AudioLeg) => void;
  readonly reject: (error: Error) => void;
}

export class LegThread implements LegHome, AsyncDisposable {
  /** Settles when it takes legs; rejects when it dies before. */
  readonly ready: Promise<void>;
  portsInUse = 0;
  isAlive = true;
  /** It was ready once. */
  hasBeenReady = false;
  readonly #worker: Worker;
  readonly #bell = new Bell();
  readonly #events: LegThreadEvents;
  readonly #legs = new Map<number, RemoteLeg>();
  readonly #opening = new Map<number, Opening>();
  readonly #started = Promise.withResolvers<void>();
  readonly #maxMissedBeats: number;
  #lastLeg = 0;
  #code = 'exit';
  /** `reading`: a beat was sent and not answered. `heard`: it was, and the channels have not spoken yet. */
  #state: 'idle' | 'reading' | 'heard' = 'idle';
  #isAwaited = false;
  #missedBeats = 0;

  constructor(setup: WorkerSetup, events: LegThreadEvents, trial: LegThreadTrial = {}) {
    this.#events = events;
    this.#maxMissedBeats = trial.maxMissedBeats ?? MAX_MISSED_BEATS;
    this.ready = this.#started.promise;
    this.ready.catch(() => undefined); // who waits hears of it, and `onDied` tells the rest
    this.#worker = new Worker(trial.root ?? new URL('./leg-worker.ts', import.meta.url), {
      workerData: { ...setup, bell: this.#bell.memory } satisfies WorkerData,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => {
      this.#code = codeOf(error);
    });
    this.#worker.once('exit', () => this.#died());
  }

  /** It has warmed up, and lives. */
  get isReady(): boolean {
    return this.hasBeenReady && this.isAlive;
  }

  /** It may hang: it has not answered for some beats. */
  get isBehind(): boolean {
    return this.#missedBeats > FEW_BEATS;
  }

  /** Open, or being opened. */
  get legs(): number {
    return this.#legs.size + this.#opening.size;
  }

  get isInStep(): boolean {
    return this.#state === 'heard';
  }

  open(): Promise<AudioLeg> {
    if (!this.isAlive) return Promise.reject(died());
    const { promise, resolve, reject } = Promise.withResolvers<AudioLeg>();
    const [leg, slot] = [++this.#lastLeg, new LegSlot()];
    this.#opening.set(leg, { slot, resolve, reject });
    this.post({ type: 'open', leg, slot: slot.memory });
    return promise;
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message);
    this.#bell.ring();
  }

  forget(leg: number): void {
    if (this.#legs.delete(leg)) this.post({ type: 'close', leg });
  }

  /** Asks for what was heard; false when the worker is behind, or gone. */
  beginBeat(): boolean {
    this.#isAwaited = this.isReady && this.#state === 'idle';
    if (!this.#isAwaited) {
      this.#missed();
      return false;
    }
    this.#missedBeats = 0;
    this.#state = 'reading';
    this.post({ type: 'beat' });
    return true;
  }

  /** The channels have spoken. One that has not answered by now joins a later beat. */
  endBeat(): void {
    this.#isAwaited = false;
    if (this.#state !== 'heard') return;
    this.#state = 'idle';
    this.post({ type: 'say' });
  }

  /** Ends the thread and with it every leg. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }

  /** One that hangs is dead from here on, whether or not its thread can be ended soon. */
  #missed(): void {
    const most = this.hasBeenReady ? this.#maxMissedBeats : MAX_BEATS_TO_START;
    if (!this.isAlive || ++this.#missedBeats < most) return;
    this.#code = 'hangs';
    this.#died();
    this.terminate().catch(() => undefined); // it takes no part in anything any more
  }

  #receive(message: FromWorker): void {
    if (!this.isAlive) return;
    if (message.type === 'heard') this.#heard(message.portsInUse);
    else if (message.type === 'digit') this.#legs.get(message.leg)?.onDigit?.(message.digit, message.durationTicks);
    else if (message.type === 'opened') this.#opened(message.leg, message.local);
    else if (message.type === 'refused') this.#refused(message.leg, message.code, message.message);
    else if (message.type === 'failed') {
      this.#events.onLegFailed(message.code);
      this.#lose(message.leg);
    } else {
      this.hasBeenReady = true;
      this.#missedBeats = 0;
      this.#started.resolve();
    }
  }

  #heard(portsInUse: number): void {
    this.portsInUse = portsInUse;
    this.#state = this.#isAwaited ? 'heard' : 'idle';
    if (this.#isAwaited) this.#events.onHeard();
  }

  #opened(id: number, local: HostPort): void {
    const opening = this.#opening.get(id);
    if (opening === undefined) return;
    this.#opening.delete(id);
    const leg = new RemoteLeg(id, local, opening.slot, this);
    this.#legs.set(id, leg);
    opening.resolve(leg);
  }

  #refused(id: number, code: string, message: string): void {
    this.#opening.get(id)?.reject(new WardlineError(code, message));
    this.#opening.delete(id);
  }

  #lose(id: number): void {
    const leg = this.#legs.get(id);
    this.#legs.delete(id);
    leg?.onLost?.();
  }

  #died(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    const wasAwaited = this.#isAwaited && this.#state === 'reading';
    this.#state = 'idle';
    this.#isAwaited = false;
    this.portsInUse = 0;
    const gone = died();
    this.#started.reject(gone);
    for (const { reject } of this.#opening.values()) reject(gone);
    this.#opening.clear();
    for (const id of [...this.#legs.keys()]) this.#lose(id);
    this.#events.onDied(this.#code, wasAwaited);
  }
}

function died(): WardlineError {
  return new WardlineError('media-worker-died', 'The thread that was to carry the audio has died.');
}
