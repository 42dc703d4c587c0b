// Where reads are done: on the vault's own thread in a vault that one command opens, on some of their own in the vault's process, so that
// a long recording or a check of the whole trail keeps no call waiting: one for what people wait for, one for searches and their index,
// one for what takes long, one for what needs no key.
import { Worker } from 'node:worker_threads';
import { WardlineError } from '../../kernel/errors.ts';
import type { ArtifactReader } from '../captured/artifact-reader.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { type ReaderKeys, shareKeys, wipeShared } from './reader-keys.ts';
import type { FromReader, ReaderStart, ToReader } from './reader-messages.ts';
import { type ReadAnswer, type ReadAsk, type ReadName, type ReadResult, Reads } from './reads.ts';

type Progress = (done: number, all: number) => void;

export interface Readers extends AsyncDisposable {
  /** @throws WardlineError what the read's contract says; `vault-busy`, `vault-closing` */
  run<Name extends ReadName>(
    name: Name,
    ask: ReadAsk<Name>,
    progress?: Progress,
  ): Promise<ReadResult<ReadAnswer<Name>>>;
  /** Starts what will be needed, before somebody waits for it. */
  warm(): void;
  /** Begins the search index before somebody searches. */
  index(): void;
  /** Keys came, went or changed: nothing of before is kept. */
  reset(): void;
}

/** On this thread. */
export class InlineReaders implements Readers {
  readonly #reads: Reads;

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    this.#reads = new Reads(core, artifacts);
  }

  run<Name extends ReadName>(name: Name, ask: ReadAsk<Name>, progress?: Progress) {
    return this.#reads.run(name, ask, progress);
  }

  warm(): void {}

  index(): void {}

  reset(): void {
    this.#reads.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reads.end();
  }
}

/** What takes seconds or more, and must not stand before what people wait for. */
const LONG: ReadonlySet<ReadName> = new Set([
  ...(['trail.verify', 'trail.check', 'keys.rewrap', 'audit.search', 'deep-check'] as const),
]);
/** What needs no key, and goes on while records are locked. */
const KEYLESS: ReadonlySet<ReadName> = new Set(['backup.files', 'backup.write']);

export class WorkerReaders implements Readers {
  readonly #quick: Lane;
  readonly #search: Lane;
  readonly #long: Lane;
  readonly #keyless: Lane;

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    const waiting = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    this.#quick = new Lane(core, artifacts, { waiting });
    this.#search = new Lane(core, artifacts, { givesWayTo: waiting });
    this.#long = new Lane(core, artifacts, { givesWayTo: waiting });
    this.#keyless = new Lane(core, artifacts, { givesWayTo: waiting, isKeyless: true });
  }

  run<Name extends ReadName>(name: Name, ask: ReadAsk<Name>, progress: Progress = () => undefined) {
    return this.#laneOf(name).run(name, ask, progress);
  }

  #laneOf(name: ReadName): Lane {
    if (name === 'search') return this.#search;
    return KEYLESS.has(name) ? this.#keyless : LONG.has(name) ? this.#long : this.#quick;
  }

  reset(): void {
    for (const lane of [this.#quick, this.#search, this.#long]) lane.renew();
    this.#keyless.endIdle();
    this.#search.index();
  }

  warm(): void {
    this.#quick.warm();
  }

  index(): void {
    this.#search.index();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#quick, this.#search, this.#long, this.#keyless].map((lane) => lane.close()));
  }
}

interface Pending {
  readonly name: ReadName;
  readonly ask: ReadAsk<ReadName>;
  readonly resolve: (result: ReadResult<unknown>) => void;
  readonly reject: (error: Error) => void;
  readonly progress: Progress;
}

/** Reads that wait for one reader. */
const MAX_PENDING = 512;
/** A reader's heap: the search index of a large clinic takes some hundreds of megabytes. */
const MAX_HEAP_MB = 2_048;
/** How long a thread may take to end by itself: a slice of what it does, or its start, on a machine that has other things to do. */
const END_MS = 120_000;

interface LaneOptions {
  readonly isKeyless?: boolean;
  /** Shared with threads that give way: how many wait for this one. */
  readonly waiting?: Int32Array;
  readonly givesWayTo?: Int32Array;
}

/** One reader's thread, started when it is needed. */
class Lane {
  readonly #core: InnerCore;
  readonly #artifacts: ArtifactReader;
  readonly #options: LaneOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #ending = new Set<Promise<void>>();
  #worker: Worker | undefined;
  #keys: ReaderKeys | undefined;
  #nextId = 1;
  #told = 0;
  #isClosed = false;
  #mustEnd = false;

  constructor(core: InnerCore, artifacts: ArtifactReader, options: LaneOptions) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#options = options;
  }

  run<Name extends ReadName>(
    name: Name,
    ask: ReadAsk<Name>,
    progress: Progress,
  ): Promise<ReadResult<ReadAnswer<Name>>> {
    if (this.#isClosed) return Promise.reject(closing());
    if (this.#pending.size >= MAX_PENDING)
      return Promise.reject(new WardlineError('vault-busy', 'Too much is read at once; try again in a moment.'));
    const { promise, resolve, reject } = Promise.withResolvers<ReadResult<unknown>>();
    this.#ask({ name, ask, resolve, reject, progress });
    return promise as Promise<ReadResult<ReadAnswer<Name>>>;
  }

  #ask(pending: Pending): void {
    const worker = this.#started();
    this.#tellTampered(worker);
    const id = this.#nextId++;
    this.#pending.set(id, pending);
    this.#count();
    worker.postMessage({ id, name: pending.name, ask: pending.ask } satisfies ToReader);
  }

  warm(): void {
    if (!this.#isClosed) this.#started();
  }

  index(): void {
    if (this.#isClosed || !this.#core.keyring.isUnlocked) return;
    this.#started().postMessage({ index: true } satisfies ToReader);
  }

  /** Ends the thread once nothing waits for it. */
  endIdle(): void {
    this.#mustEnd = this.#pending.size > 0;
    if (!this.#mustEnd) this.end(closing());
  }

  /** Settles when no thread of it is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.end(closing());
    await Promise.all(this.#ending);
  }

  /** Keys came, went or changed: what waits is read again by a thread with those of now, and nobody notices. */
  renew(): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.end(closing());
    if (!this.#isClosed) for (const pending of waiting) this.#ask(pending);
  }

  /** Ends the thread and wipes what it was lent; what waits for it fails. */
  end(why: Error): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#told = 0;
    if (this.#keys !== undefined) wipeShared(this.#keys);
    this.#keys = undefined;
    if (worker !== undefined) this.#letEnd(worker);
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.#count();
    for (const { reject } of waiting) reject(why);
  }

  /** It ends by itself between two slices: a thread that is cut off inside of SQLite takes the whole process with it. */
  #letEnd(worker: Worker): void {
    worker.ref();
    worker.postMessage({ end: true } satisfies ToReader);
    const timer = this.#core.clock.after(END_MS, () => void worker.terminate());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ending.add(promise);
    worker.once('exit', () => {
      timer[Symbol.dispose]();
      this.#ending.delete(promise);
      resolve();
    });
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const { keyring, db, log } = this.#core;
    const mayOpen = keyring.isUnlocked && this.#options.isKeyless !== true;
    this.#keys = shareKeys(keyring.service, mayOpen ? keyring.records : undefined);
    const start: ReaderStart = { path: db.name, keys: this.#keys, givesWayTo: this.#options.givesWayTo };
    const worker = new Worker(new URL('./reader-worker.ts', import.meta.url), {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    worker.on('message', (message: FromReader) => this.#receive(message));
    worker.on('error', (thrown) => {
      if (this.#worker !== worker) return;
      log.error({ err: thrown }, 'a reader of the vault ended; the next read starts another');
      this.end(new WardlineError('vault-fault', 'The vault could not read this; its log says more.'));
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #receive(message: FromReader): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if ('done' in message) {
      pending.progress(message.done, message.all);
      return;
    }
    this.#pending.delete(message.id);
    this.#count();
    for (const sentence of message.fenced) this.#core.fenced.add(sentence);
    for (const artifactId of message.tampered) this.#artifacts.tampered.add(artifactId);
    if ('result' in message) pending.resolve(message.result);
    else pending.reject(new WardlineError(message.error.code, message.error.sentence));
    if (this.#mustEnd) this.endIdle();
  }

  /** Tells the threads that give way how many wait for this one. */
  #count(): void {
    const { waiting } = this.#options;
    if (waiting === undefined) return;
    Atomics.store(waiting, 0, this.#pending.size);
    if (this.#pending.size === 0) Atomics.notify(waiting, 0);
  }

  /** What was found changed on this thread or another since. */
  #tellTampered(worker: Worker): void {
    const { tampered } = this.#artifacts;
    if (tampered.size === this.#told) return;
    this.#told = tampered.size;
    worker.postMessage({ tampered: [...tampered] } satisfies ToReader);
  }
}

function closing(): WardlineError {
  return new WardlineError('vault-closing', 'The vault is closing, or its keys have changed; try again in a moment.');
}
