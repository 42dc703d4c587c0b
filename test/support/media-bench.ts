// A media server on loopback, an unmodified drachtio-fsmrf in front of it, and far-end phones that speak real RTP and listen.
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg, TICK_SAMPLES } from '../../src/engine/media-server/audio/leg.ts';
import type { Legs } from '../../src/engine/media-server/audio/legs.ts';
import { MediaClock } from '../../src/engine/media-server/audio/media-clock.ts';
import type { Intake } from '../../src/engine/media-server/host/host.ts';
import type { Quirks } from '../../src/engine/media-server/host/quirks.ts';
import type { MediaServer } from '../../src/engine/media-server/media-server.ts';
import { createMediaServer } from '../../src/engine/media-server/media-server.ts';
import type { Speech } from '../../src/engine/media-server/sources/speech.ts';
import type { LegThreadTrial } from '../../src/engine/media-server/workers/leg-thread.ts';
import { type LegWorkers, startLegWorkers } from '../../src/engine/media-server/workers/leg-workers.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { AudioCodec, SecurePolicy } from '../../src/protocol/sdp/audio.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { dominantFrequency, isSilent } from './listen.ts';
import { FacadeSrf } from './media-facade.ts';
import { namedMediaServer } from './named-media.ts';
import { namedServer } from './named-server.ts';
import { steadyTone } from './tone-level.ts';

export interface FsmrfEvent {
  getHeader(name: string): string | undefined;
  getBody(): string;
}

/** The parts of fsmrf's Endpoint that the tests use. */
export interface FsmrfEndpoint extends EventEmitter {
  readonly uuid: string;
  readonly local: { sdp: string };
  readonly dialog: { destroy(): Promise<unknown> };
  readonly conn: EventEmitter & { readonly socket: Socket; subscribe(events: string): void };
  play(file: string | readonly string[] | object): Promise<Record<string, string>>;
  playCollect(options: object): Promise<Record<string, string | undefined>>;
  record(file: string, options: object): Promise<Record<string, string | undefined>>;
  execute(app: string, arg?: string): Promise<FsmrfEvent>;
  api(command: string, args: string): Promise<FsmrfEvent>;
  say(text: string, options: object): Promise<Record<string, string>>;
  set(name: string | object, value?: string): Promise<void>;
  recordSession(...args: readonly string[]): Promise<FsmrfEvent>;
  modify(sdp: string): Promise<string>;
  bridge(other: FsmrfEndpoint): Promise<void>;
  unbridge(): Promise<void>;
  join(conference: string | FsmrfConference, options?: object): Promise<{ memberId: number; confUuid: string }>;
  unjoin(): Promise<string>;
  confMute(): Promise<string>;
  confUnmute(): Promise<string>;
  confDeaf(): Promise<string>;
  confUndeaf(): Promise<string>;
  confHup(): Promise<FsmrfEvent>;
  confPlay(file: string): Promise<FsmrfEvent>;
  transfer(conference: string): Promise<string>;
  getNonMatchingConfParticipants(conference: string, tag: string): Promise<number[]>;
  getChannelVariables(withMedia?: boolean): Promise<Record<string, string>>;
  destroy(): Promise<void>;
}

/** The parts of fsmrf's Conference that the tests use. */
export interface FsmrfConference extends EventEmitter {
  readonly name: string;
  readonly uuid: string;
  readonly memberId: number;
  readonly participants: ReadonlyMap<number, unknown>;
  getSize(): Promise<number>;
  get(name: string): Promise<string | number>;
  set(name: string, value: unknown): Promise<string>;
  lock(args?: string): Promise<string>;
  unlock(args?: string): Promise<string>;
  mute(args: string): Promise<string>;
  unmute(args: string): Promise<string>;
  deaf(args: string): Promise<string>;
  undeaf(args: string): Promise<string>;
  list(args?: string): Promise<FsmrfEvent>;
  agc(args?: string): Promise<FsmrfEvent>;
  chkRecord(args?: string): Promise<FsmrfEvent>;
  startRecording(file: string): Promise<string>;
  pauseRecording(file: string): Promise<string>;
  resumeRecording(file: string): Promise<string>;
  stopRecording(file: string): Promise<string>;
  play(file: string | readonly string[]): Promise<{ seconds: number; milliseconds: number; samples: number }>;
  destroy(): Promise<void>;
}

export interface FsmrfMediaServer extends EventEmitter {
  readonly sip: { ipv4: { udp: { address: string } } };
  readonly maxSessions: number;
  createEndpoint(options?: {
    remoteSdp?: string;
    srtp?: boolean;
    headers?: Record<string, string>;
  }): Promise<FsmrfEndpoint>;
  createConference(name?: string | object, options?: object): Promise<FsmrfConference>;
  api(command: string): Promise<string>;
  disconnect(): void;
}

interface MrfClass {
  new (srf: object): { connect(options: object): Promise<FsmrfMediaServer> };
}

export const Mrf: MrfClass = createRequire(import.meta.url)('drachtio-fsmrf');

/** A server that runs already is driven in place of ours by tests that need no intake and ask for no quirk. */
const NAMED = namedServer('WARDLINE_TEST_FREESWITCH');

/** The same suites prove the server with its legs on worker threads. */
const WORKERS = Number(process.env.WARDLINE_TEST_MEDIA_WORKERS ?? 0);

export function startWorkers(count: number, trial?: LegThreadTrial): Promise<LegWorkers> {
  return startLegWorkers({
    count,
    rtpHost: '127.0.0.1',
    rtpPorts: { first: 0, last: 0 },
    clock: systemClock,
    logger: createLogger({ role: 'media', level: 'silent' }),
    ...(trial === undefined ? {} : { trial }),
  });
}

/** Where the real one differs a test says so by name. */
export const ON_FREESWITCH = NAMED !== undefined;

export const SECRET = NAMED?.secret ?? 'test-secret';

export interface BenchOptions {
  readonly intake?: Intake;
  readonly spoolFolder?: string;
  readonly quirks?: Quirks;
  readonly codecs?: readonly AudioCodec[];
  readonly speech?: Speech;
  /** By default it does. */
  readonly allowsUnicast?: boolean;
  /** Where legs live; by default WARDLINE_TEST_MEDIA_WORKERS says on how many worker threads, else on this one. */
  readonly legs?: Legs;
}

export interface MediaBench extends AsyncDisposable {
  readonly server: MediaServer;
  readonly ms: FsmrfMediaServer;
  readonly srf: FacadeSrf;
  /** Sounds, spool and scratch files. */
  readonly folder: string;
  phone(secure?: SecurePolicy, codecs?: readonly AudioCodec[]): Promise<FarPhone>;
  /** A phone in a call with an endpoint of its own. */
  call(secure?: SecurePolicy, codecs?: readonly AudioCodec[]): Promise<{ phone: FarPhone; endpoint: FsmrfEndpoint }>;
  writeSound(name: string, bytes: Uint8Array): string;
}

/** The server alone, on ports that the system chooses. */
export async function startMediaServer(folder: string, options: BenchOptions = {}): Promise<MediaServer> {
  if (NAMED !== undefined && options.intake === undefined && options.quirks === undefined)
    return namedMediaServer(NAMED);
  const legs = options.legs ?? (WORKERS > 0 ? await startWorkers(WORKERS) : undefined);
  const any = { host: '127.0.0.1', port: 0 };
  return createMediaServer({
    eventSocket: any,
    secret: SECRET,
    sip: any,
    rtpHost: '127.0.0.1',
    rtpPorts: { first: 0, last: 0 },
    soundsFolder: folder,
    spoolFolder: options.spoolFolder ?? join(folder, 'spool'),
    ...(legs === undefined ? {} : { legs }),
    ...(options.intake === undefined ? {} : { intake: options.intake }),
    ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
    ...(options.speech === undefined ? {} : { speech: options.speech }),
    ...(options.quirks === undefined ? {} : { quirks: options.quirks }),
    allowsUnicast: options.allowsUnicast ?? true,
    clock: systemClock,
    random: randomBytes,
    logger: createLogger({ role: 'media', level: 'silent' }),
  });
}

export async function mediaBench(options: BenchOptions = {}): Promise<MediaBench> {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-media-'));
  const server = await startMediaServer(folder, options);
  const srf = await FacadeSrf.open();
  const { port } = server.eventSocket;
  const ms = await new Mrf(srf).connect({ address: '127.0.0.1', port, secret: SECRET, listenAddress: '127.0.0.1' });
  const phones: FarPhone[] = [];
  const phone = async (secure: SecurePolicy = 'forbidden', codecs?: readonly AudioCodec[]) => {
    const made = await FarPhone.open(secure, codecs);
    phones.push(made);
    return made;
  };
  return {
    server,
    ms,
    srf,
    folder,
    phone,
    async call(secure, codecs) {
      const far = await phone(secure, codecs);
      const endpoint = await ms.createEndpoint({ remoteSdp: disguise(far.offer()) });
      if (NAMED !== undefined) await endpoint.set('sound_prefix', folder);
      far.accept(endpoint.local.sdp);
      return { phone: far, endpoint };
    },
    writeSound(name, bytes) {
      writeFileSync(join(folder, name), bytes);
      return name;
    },
    async [Symbol.asyncDispose]() {
      for (const far of phones) far[Symbol.dispose]();
      ms.disconnect();
      await server.close();
      await srf[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** drachtio-fsmrf asserts on SAVP; the façade puts the token back before the INVITE leaves. */
function disguise(sdp: string): string {
  return sdp.replace('RTP/SAVP', 'RTP/xAVP');
}

/** A phone at the far end: says a tone or nothing, keeps all it hears, presses digits. */
export class FarPhone implements Disposable {
  readonly leg: AudioLeg;
  readonly digits: string[] = [];
  readonly #negotiation;
  readonly #ticker: MediaClock;
  #out = new Int16Array(TICK_SAMPLES);
  #voice: ToneGenerator | undefined;
  #heard: Int16Array[] = [];
  readonly #ticks = new EventEmitter();

  private constructor(leg: AudioLeg, secure: SecurePolicy, codecs: readonly AudioCodec[]) {
    this.leg = leg;
    this.#negotiation = createAudioNegotiation({ local: leg.local, sessionId: 1, secure, codecs, random: randomBytes });
    this.#ticker = new MediaClock(systemClock, () => this.#tick());
    leg.onDigit = (digit) => this.digits.push(digit);
  }

  static async open(secure: SecurePolicy, codecs: readonly AudioCodec[] = ['PCMU', 'PCMA']): Promise<FarPhone> {
    const ports = createMediaPorts({ address: '127.0.0.1', first: 0, last: 0, clock: systemClock });
    const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'strict' });
    return new FarPhone(leg, secure, codecs);
  }

  offer(direction: 'sendrecv' | 'inactive' = 'sendrecv'): string {
    return this.#negotiation.makeOffer({ direction });
  }

  answer(offer: string): string {
    const agreed = this.#negotiation.answerOffer(offer);
    if ('refused' in agreed) throw new Error(`The offer was refused: ${agreed.refused}`);
    this.leg.configure(agreed.audio);
    return agreed.sdp;
  }

  accept(answer: string): void {
    const agreed = this.#negotiation.acceptAnswer(answer);
    if ('refused' in agreed) throw new Error(`The answer was refused: ${agreed.refused}`);
    this.leg.configure(agreed.audio);
  }

  say(hz: number | undefined, levelDbfs = -12): void {
    this.#voice = hz === undefined ? undefined : new ToneGenerator(steadyTone([hz], levelDbfs), this.leg.rate);
  }

  press(digit: string): void {
    this.leg.sendDigit(digit, 100);
  }

  /** What is heard during the next `ms`. */
  async listen(ms: number): Promise<Int16Array> {
    this.#heard = [];
    await this.wait(ms);
    const heard = this.#heard;
    const size = this.leg.rate / 50;
    const all = new Int16Array(heard.length * size);
    for (const [i, frame] of heard.entries()) all.set(frame, i * size);
    return all;
  }

  /** The loudest frequency once it is `hz`; what it is after ten seconds when it never is. A busy machine may be late with audio. */
  async hearing(hz: number): Promise<number | undefined> {
    let heard: number | undefined;
    for (let tries = 0; tries < 50 && heard !== hz; tries++) heard = dominantFrequency(await this.listen(200), 8000);
    return heard;
  }

  /** Whether a tenth of a second comes in which nothing is heard. */
  async hearsNothing(): Promise<boolean> {
    let isQuiet = false;
    for (let tries = 0; tries < 100 && !isQuiet; tries++) isQuiet = isSilent(await this.listen(100));
    return isQuiet;
  }

  /** Waits `ms` of media time. */
  async wait(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 20) await once(this.#ticks, 'tick');
  }

  #tick(): void {
    const heard = this.leg.read();
    if (heard.length !== this.#out.length) this.#out = new Int16Array(heard.length);
    this.#heard.push(heard.slice());
    if (this.#voice === undefined) this.#out.fill(0);
    else this.#voice.read(this.#out);
    this.leg.write(this.#out);
    this.#ticks.emit('tick');
  }

  [Symbol.dispose](): void {
    this.#ticker[Symbol.dispose]();
    this.leg[Symbol.dispose]();
  }
}
