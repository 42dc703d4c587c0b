// The capturing side of the intake: seals audio to the epoch's public key and keeps it, sealed, while the vault restarts.
import { isLinkLost, LinkClient } from '../ipc/client.ts';
import type { Json } from '../kernel/canonical.ts';
import type { Clock, Instant } from '../kernel/clock.ts';
import { codeOf, sentenceOf, WardlineError } from '../kernel/errors.ts';
import { CaptureSealer, CHUNK_MS } from './capture-sealer.ts';
import type { CaptureEncoding, IntakeGrant, IntakeType } from './intake.ts';

export interface IntakeOptions {
  /** The path of the vault's socket. */
  readonly socket: string;
  readonly token: string;
  readonly clock: Clock;
  /** The role in the hello; `media` unless told otherwise. */
  readonly role?: string;
}

/** One artifact being captured. None of its functions but `end` waits, so that a media loop may call them. */
export interface Capture {
  readonly artifactId: string;
  readonly encoding: CaptureEncoding;
  readonly channels: 1 | 2;
  /**
   * Takes raw audio: µ-law bytes, or 16-bit little-endian samples for L16, channels interleaved. `atSample` counts samples per
   * channel from the recording's start; a gap plays as silence, what overlaps earlier audio is left out. The bytes are copied.
   */
  write(bytes: Uint8Array, atSample: number): void;
  /** Seals and sends the rest; settles when all of it is acknowledged. Rejects `capture-failed`. */
  end(): Promise<void>;
  /** Called once when the audio could not be kept; the recording has failed, the call goes on. */
  onFailure(listener: (reason: string) => void): void;
}

/** Disposing it fails the captures that still run. */
export interface IntakeClient extends Disposable {
  /** @throws WardlineError `artifact-unknown`, `artifact-closed`, `link-closed` */
  begin(artifactId: string): Promise<Capture>;
}

/** How long sealed audio waits for the vault before the recording fails. */
export const MAX_QUEUE_MS = 10_000;
/** Sealed bytes that one capture may hold: ten seconds of two-channel L16 are 640 kB. */
export const MAX_QUEUE_BYTES = 2 * 1024 * 1024;
const WINDOW = 8;
const REQUEST_DEADLINE_MS = 2_000;
const RETRY_MS = 100;

export function connectIntake({ socket, token, clock, role = 'media' }: IntakeOptions): IntakeClient {
  const link = new LinkClient({ path: socket, role, token, clock });
  const running = new Set<QueuedCapture>();
  return {
    async begin(artifactId) {
      const { payload } = await link.request('intake.begin', { artifactId });
      const capture = new QueuedCapture(artifactId, payload as unknown as IntakeGrant, link, clock);
      running.add(capture);
      void capture.settled.then(() => running.delete(capture));
      return capture;
    },
    [Symbol.dispose]: () => {
      for (const capture of running) capture.abandon();
      link[Symbol.dispose]();
    },
  };
}

interface Queued {
  readonly type: IntakeType;
  readonly ask: object;
  readonly body: Uint8Array;
  readonly at: Instant;
  isDone: boolean;
}

const NOTHING = new Uint8Array(0);

class QueuedCapture implements Capture {
  readonly artifactId: string;
  readonly encoding: CaptureEncoding;
  readonly channels: 1 | 2;
  /** Settles, and never rejects, when the capture is over or has failed. */
  readonly settled: Promise<void>;
  readonly #sealer: CaptureSealer;
  readonly #link: LinkClient;
  readonly #clock: Clock;
  readonly #over = Promise.withResolvers<void>();
  /** Unacknowledged, oldest first; the first `#sent` of them are on their way. */
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #sent = 0;
  /** Counts resends: an answer to an earlier sending round no longer steers the queue. */
  #round = 0;
  #flush: Disposable | undefined;
  #retry: Disposable | undefined;
  #state: 'capturing' | 'ending' | 'over' | 'failed' = 'capturing';
  #failure = '';
  #listener: ((reason: string) => void) | undefined;

  constructor(artifactId: string, grant: IntakeGrant, link: LinkClient, clock: Clock) {
    this.artifactId = artifactId;
    this.encoding = grant.encoding;
    this.channels = grant.channels;
    this.#sealer = new CaptureSealer(artifactId, grant);
    this.#link = link;
    this.#clock = clock;
    this.settled = this.#over.promise.catch(() => undefined); // `end` hands a failure on; nobody else need listen
  }

  write(bytes: Uint8Array, atSample: number): void {
    if (this.#state !== 'capturing') return;
    const frames = this.#sealer.write(bytes, atSample);
    if (frames.length > 0) {
      this.#push(frames);
      // What waits now began to wait just now: the flush of what was before it would cut the next chunk in two.
      this.#flush?.[Symbol.dispose]();
      this.#flush = undefined;
    }
    if (this.#sealer.hasPending) this.#flush ??= this.#clock.after(CHUNK_MS, () => this.#flushPending());
  }

  end(): Promise<void> {
    if (this.#state === 'capturing') {
      this.#state = 'ending';
      this.#flush?.[Symbol.dispose]();
      const frames = this.#sealer.end();
      const { segments, chunks } = this.#sealer;
      this.#sealer[Symbol.dispose]();
      const last = {
        type: 'intake.end' as const,
        ask: { artifactId: this.artifactId, segments, chunks },
        body: NOTHING,
      };
      this.#push([...frames, last]);
    }
    return this.#over.promise;
  }

  onFailure(listener: (reason: string) => void): void {
    this.#listener = listener;
    if (this.#state === 'failed') listener(this.#failure);
  }

  /** Gives up what waits: the link is going away. */
  abandon(): void {
    this.#fail('the appliance is stopping');
  }

  #flushPending(): void {
    this.#flush = undefined;
    if (this.#state === 'capturing') this.#push(this.#sealer.flush());
  }

  #push(frames: readonly Pick<Queued, 'type' | 'ask' | 'body'>[]): void {
    const at = this.#clock.monotonic();
    for (const { type, ask, body } of frames) {
      this.#queue.push({ type, ask, body, at, isDone: false });
      this.#queuedBytes += body.length;
    }
    if (this.#queuedBytes > MAX_QUEUE_BYTES) this.#fail('too much audio waits for the vault');
    else if (this.#retry === undefined) this.#pump();
  }

  #pump(): void {
    while (this.#sent < WINDOW && this.#sent < this.#queue.length) void this.#send(this.#queue[this.#sent++]!);
  }

  async #send(item: Queued): Promise<void> {
    if (item.isDone) return;
    const round = this.#round;
    try {
      await this.#link.request(item.type, item.ask as Json, item.body, REQUEST_DEADLINE_MS);
    } catch (thrown) {
      if (round === this.#round && !this.#isSettled) this.#sendFailed(thrown);
      return;
    }
    if (this.#isSettled) return;
    item.isDone = true;
    this.#dropDone(round);
  }

  #dropDone(round: number): void {
    while (this.#queue[0]?.isDone) {
      this.#queuedBytes -= this.#queue.shift()!.body.length;
      if (this.#sent > 0) this.#sent--;
    }
    if (this.#queue.length === 0 && this.#state === 'ending') this.#finish();
    else if (round === this.#round) this.#pump();
  }

  #sendFailed(thrown: unknown): void {
    const oldest = this.#queue[0]?.at ?? this.#clock.monotonic();
    const canWait = isLinkLost(thrown) || codeOf(thrown) === 'link-busy';
    const isTooOld = this.#clock.monotonic() - oldest > MAX_QUEUE_MS;
    if (!canWait || isTooOld) {
      this.#fail(canWait ? 'the vault did not come back in time' : sentenceOf(thrown));
      return;
    }
    this.#round++;
    this.#sent = 0;
    this.#retry ??= this.#clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.#pump();
    });
  }

  get #isSettled(): boolean {
    return this.#state === 'over' || this.#state === 'failed';
  }

  #finish(): void {
    this.#state = 'over';
    this.#over.resolve();
  }

  #fail(reason: string): void {
    if (this.#isSettled) return;
    this.#state = 'failed';
    this.#failure = reason;
    this.#queue = [];
    this.#flush?.[Symbol.dispose]();
    this.#retry?.[Symbol.dispose]();
    this.#sealer[Symbol.dispose]();
    this.#over.reject(new WardlineError('capture-failed', `The recording could not be kept: ${reason}.`));
    this.#listener?.(reason);
  }
}
