// One connection between two of our processes: requests with deadlines in both directions, and notices.
import type { Socket } from 'node:net';
import type { Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import { codeOf, sentenceOf, WardlineError } from '../kernel/errors.ts';
import type { Frame, FrameHeader } from './frame.ts';
import { encodeFrame, FrameReader } from './frame.ts';

export interface Message {
  readonly payload: Json;
  readonly body: Uint8Array;
}

export interface Answer {
  readonly payload: Json;
  readonly body?: Uint8Array;
}

/** Answers requests of one type, or all of them (`fallback`). What it throws reaches the asker as code and sentence. */
export type Handler = (message: Message, link: Link, type: string) => Promise<Answer> | Answer;
export type NoticeHandler = (message: Message, link: Link, type: string) => void;

/** Requests that wait for an answer on one link. */
export const MAX_PENDING_REQUESTS = 4096;
/** Bytes that may wait for a slow reader before the link is cut. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export const DEFAULT_DEADLINE_MS = 5_000;

interface Pending {
  readonly resolve: (answer: Message) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Disposable;
}

/** A link's wiring, shared by the side that listened and the side that connected. */
export interface LinkOptions {
  readonly clock: Clock;
  readonly onRequest: Handler;
  readonly onNotice?: NoticeHandler;
}

export class Link implements Disposable {
  /** The peer's role as it introduced itself. */
  role = 'unknown';
  readonly #socket: Socket;
  readonly #options: LinkOptions;
  readonly #reader = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  readonly #closed = Promise.withResolvers<void>();
  #nextId = 1;
  #isClosed = false;
  #onHello: ((header: FrameHeader & { kind: 'hello' }) => void) | undefined;

  constructor(socket: Socket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#finish());
  }

  /** Settles when the connection is gone, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends the first frame; the listening side drops whoever sends another first. */
  hello(role: string, token: string): void {
    this.#write({ kind: 'hello', protocol: 1, role, token });
  }

  /** Lets the listening side see the hello before anything else is handled. */
  expectHello(onHello: (header: FrameHeader & { kind: 'hello' }) => void): void {
    this.#onHello = onHello;
  }

  /**
   * Asks the peer and waits for its answer.
   * @throws WardlineError `link-closed`, `deadline`, `link-busy`, or the code and sentence that the peer answered with
   */
  request(type: string, payload: Json = null, body?: Uint8Array, deadlineMs = DEFAULT_DEADLINE_MS): Promise<Message> {
    if (this.#isClosed) return Promise.reject(linkClosed());
    if (this.#pending.size >= MAX_PENDING_REQUESTS) {
      return Promise.reject(
        new WardlineError('link-busy', 'Too many requests wait for an answer; try again in a moment.'),
      );
    }
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const timer = this.#options.clock.after(deadlineMs, () => {
      this.#pending.delete(id);
      reject(new WardlineError('deadline', `No answer to ${type} came within ${(deadlineMs / 1000).toFixed(1)} s.`));
    });
    this.#pending.set(id, { resolve, reject, timer });
    this.#write({ kind: 'request', id, type, payload }, body);
    return promise;
  }

  /** Tells the peer something that needs no answer. */
  notify(type: string, payload: Json = null, body?: Uint8Array): void {
    if (!this.#isClosed) this.#write({ kind: 'notice', type, payload }, body);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    this.#finish();
  }

  #write(header: FrameHeader, body?: Uint8Array): void {
    this.#socket.write(encodeFrame(header, body));
    if (this.#socket.writableLength > MAX_WAITING_BYTES) this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const frames = this.#reader.push(chunk);
    if (frames === 'fault') {
      this.#socket.destroy();
      return;
    }
    for (const frame of frames) this.#dispatch(frame);
  }

  #dispatch({ header, body }: Frame): void {
    if (this.#onHello !== undefined) {
      const onHello = this.#onHello;
      this.#onHello = undefined;
      if (header.kind !== 'hello') this.#socket.destroy();
      else onHello(header);
      return;
    }
    if (this.#isClosed || this.#socket.destroyed) return;
    switch (header.kind) {
      case 'request':
        void this.#answer(header.id, header.type, { payload: header.payload, body });
        return;
      case 'reply':
        this.#settle(header.id)?.resolve({ payload: header.payload, body });
        return;
      case 'error':
        this.#settle(header.id)?.reject(new WardlineError(header.code, header.sentence));
        return;
      case 'notice':
        this.#options.onNotice?.({ payload: header.payload, body }, this, header.type);
        return;
      case 'hello':
        this.#socket.destroy();
    }
  }

  async #answer(id: number, type: string, message: Message): Promise<void> {
    try {
      const answer = await this.#options.onRequest(message, this, type);
      if (!this.#isClosed) this.#write({ kind: 'reply', id, payload: answer.payload }, answer.body);
    } catch (thrown) {
      if (!this.#isClosed) this.#write({ kind: 'error', id, code: codeOf(thrown), sentence: sentenceOf(thrown) });
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.timer[Symbol.dispose]();
    return pending;
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(linkClosed());
    this.#closed.resolve();
  }
}

function linkClosed(): WardlineError {
  return new WardlineError('link-closed', 'The other part of the appliance is not running just now.');
}
