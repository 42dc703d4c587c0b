// Where reads are done: on the vault's own thread in a vault that one command opens, on two of their own in the vault's process, so that
// a long recording or a check of the whole trail keeps no call waiting: one for what people wait for, one for what takes long.
import { Worker } from 'node:worker_threads';
import { WardlineError } from '../../kernel/errors.ts';
import type { ArtifactReader } from '../artifact-reader.ts';
import type { InnerCore } from '../engine.ts';
import { type ReaderKeys, shareKeys, wipeShared } from './reader-keys.ts';
import type { FromReader, ReaderStart, ToReader } from './reader-messages.ts';
import { type ReadAnswer, type ReadAsk, type ReadName, type ReadResult, Reads } from './reads.ts';

type Progress = (done: number, all: number) => void;

export interface Readers extends Disposable {
  /** @throws WardlineError what the read's contract says; `vault-busy`, `vault-closing` */
  run<Name extends ReadName>(
    name: Name,
    ask: ReadAsk<Name>,
    progress?: Progress,
  ): Promise<ReadResult<ReadAnswer<Name>>>;
  /** Begins the search index before somebody searches. */
  warm(): void;
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

  reset(): void {
    this.#reads.forget();
  }

  [Symbol.dispose](): void {
    this.reset();
  }
}

/** What takes seconds or more, and must not stand before what people wait for. */
const LONG: ReadonlySet<ReadName> = new Set(['trail.verify', 'audit.search', 'backup.files', 'deep-check']);

export class WorkerReaders implements Readers {
  readonly #quick: Lane;
  readonly #long: Lane;

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    this.#quick = new Lane(core, artifacts, true);
    this.#long = new Lane(core, artifacts, false);
  }

  run<Name extends ReadName>(name: Name, ask: ReadAsk<Name>, progress: Progress = () => undefined) {
    return (LONG.has(name) ? this.#long : this.#quick).run(name, ask, progress);
  }

  reset(): void {
    this.#quick.end(closing());
    this.#long.end(closing());
    this.#quick.warm();
  }

  warm(): void {
    this.#quick.warm();
  }

  [Symbol.dispose](): void {
    this.#quick.close();
    this.#long.close();
  }
}

interface Pending {
  readonly resolve: (result: ReadResult<unknown>) => void;
  readonly reject: (error: Error) => void;
  readonly progress: Progress;
}

/** Reads that wait for one reader. */
const MAX_PENDING = 512;
/** A reader's heap: the search index of a large clinic takes some hundreds of megabytes. */
const MAX_HEAP_MB = 2_048;

/** One reader's thread, started when it is needed. */
class Lane {
  readonly #core: InnerCore;
  readonly #artifacts: ArtifactReader;
  readonly #mustIndex: boolean;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #keys: ReaderKeys | undefined;
  #nextId = 1;
  #told = 0;
  #isClosed = false;

  constructor(core: InnerCore, artifacts: ArtifactReader, mustIndex: boolean) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#mustIndex = mustIndex;
  }

  run<Name extends ReadName>(
    name: Name,
    ask: ReadAsk<Name>,
    progress: Progress,
  ): Promise<ReadResult<ReadAnswer<Name>>> {
    if (this.#isClosed) return Promise.reject(closing());
    if (this.#pending.size >= MAX_PENDING)
      return Promise.reject(new WardlineError('vault-busy', 'Too much is read at once; try again in a moment.'));
    const worker = this.#started();
    this.#tellTampered(worker);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<ReadResult<unknown>>();
    this.#pending.set(id, { resolve, reject, progress });
    worker.postMessage({ id, name, ask } satisfies ToReader);
    return promise as Promise<ReadResult<ReadAnswer<Name>>>;
  }

  warm(): void {
    if (!this.#isClosed && this.#core.keyring.isUnlocked) this.#started();
  }

  close(): void {
    this.#isClosed = true;
    this.end(closing());
  }

  /** Ends the thread and wipes what it was lent; what waits for it fails. */
  end(why: Error): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#told = 0;
    if (this.#keys !== undefined) wipeShared(this.#keys);
    this.#keys = undefined;
    if (worker !== undefined) void worker.terminate();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(why);
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const { keyring, db, log } = this.#core;
    this.#keys = shareKeys(keyring.service, keyring.isUnlocked ? keyring.records : undefined);
    const start: ReaderStart = { path: db.name, keys: this.#keys, mustIndex: this.#mustIndex && keyring.isUnlocked };
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
    for (const sentence of message.fenced) this.#core.fenced.add(sentence);
    for (const artifactId of message.tampered) this.#artifacts.tampered.add(artifactId);
    if ('result' in message) pending.resolve(message.result);
    else pending.reject(new WardlineError(message.error.code, message.error.sentence));
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
