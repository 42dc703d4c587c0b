// One party's audio on the media server: play, digits, record, bridge. Wraps a drachtio-fsmrf Endpoint and never waits on it without a bound (contract §6.4, §9.1).
import type { Endpoint } from 'drachtio-fsmrf';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { Ending, isLegEnded, within } from './ending.ts';
import type { MediaQuality } from './media-quality.ts';
import { qualityOf } from './media-quality.ts';
import { cleanSdp } from './sdp-guard.ts';

/** `hung-up`: by us or the media server; `lost`: its connection broke. */
export type MediaEnding = 'hung-up' | 'lost';

export interface RecordLimits {
  readonly maxSeconds: number;
  /** Silence that ends the recording. */
  readonly silenceSeconds: number;
}

export interface Media {
  readonly ending: Ending<MediaEnding>;
  /** Our side's session description as the media server made it. */
  readonly localSdp: string;
  /** Plays each file in turn; `stopped` when `stop` cut it short. A file that does not exist is skipped. */
  play(files: readonly string[]): Promise<'played' | 'stopped'>;
  /** Plays one source over and over until `stop`, without waiting. */
  startLoop(source: string): void;
  /** Stops what plays, with everything queued behind it, or ends `record`. */
  stop(): Promise<void>;
  /** Called with each digit pressed. */
  onDigit(listener: (digit: string) => void): Disposable;
  /** A digit that came by SIP INFO (RFC 6086) for a phone without telephone-events. */
  pressDigit(digit: string): void;
  /** Records what this party says until `#`, silence, the limit, `stop` or its end. */
  record(path: string, limits: RecordLimits): Promise<void>;
  /** Records both directions, this party on the left; ends at hang-up or `stopRecordingCall`. */
  startRecordingCall(path: string, blanking?: DigitBlanking): Promise<void>;
  changeRecordingCall(path: string, change: RecordingChange): Promise<void>;
  stopRecordingCall(path: string): Promise<void>;
  /** A short sound to this party alone, whatever it hears now. */
  hint(source: string): Promise<void>;
  /** Connects this party's audio with another's. */
  bridge(other: Media): Promise<void>;
  unbridge(): Promise<void>;
  /** A new offer of the party; answers our new description. */
  modify(offer: string): Promise<string>;
  /** RTP packets that came from the party so far. */
  packetsHeard(): Promise<number>;
  /** How the audio of this party came in; asked for once, at the end. Undefined when it is not known; never rejects. */
  quality(): Promise<MediaQuality | undefined>;
  destroy(): Promise<void>;
}

/** Digits that sound in the audio are silenced; called after each such stretch, in milliseconds of the recording. FreeSWITCH cannot do it. */
export type DigitBlanking = (fromMs: number, toMs: number) => void;

/** `mask`: silent, its time goes on; `pause`: the time is left out. */
export type RecordingChange = 'mask' | 'unmask' | 'pause' | 'resume';

const COMMAND_MS = 5_000;
const PLAY_MS = 15 * 60_000;
const DESTROY_MS = 3_000;
const QUALITY_MS = 1_000;
const STOP_TRIES = 4;
const STOP_RETRY_MS = 250;
/** FreeSWITCH's measure of energy below which a frame is silence. */
const SILENCE_THRESHOLD = 200;
const SAFE_ARGUMENT = /^[A-Za-z0-9_./:@%(),;=*~+-]+$/;
const DIGITS = /^[0-9*#]$/;

export interface EndpointMediaOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends a channel that did not end by itself, from another connection. */
  readonly kill: (uuid: string) => void;
}

export class EndpointMedia implements Media {
  readonly ending = new Ending<MediaEnding>();
  readonly localSdp: string;
  readonly #endpoint: Endpoint;
  readonly #options: EndpointMediaOptions;
  readonly #digits = new Set<(digit: string) => void>();
  #generation = 0;
  #isPlaying = false;
  #quality: Promise<MediaQuality | undefined> | undefined;
  #destroying: Promise<void> | undefined;

  constructor(endpoint: Endpoint, options: EndpointMediaOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.localSdp = endpoint.local.sdp ?? '';
    endpoint.on('dtmf', ({ dtmf }: { dtmf: string }) => this.pressDigit(dtmf));
    endpoint.on('destroy', (event: { reason?: string } | undefined) => {
      this.ending.end(event?.reason === undefined ? 'lost' : 'hung-up');
    });
    if (!endpoint.connected) this.ending.end('lost');
  }

  async play(files: readonly string[]): Promise<'played' | 'stopped'> {
    const generation = ++this.#generation;
    this.#isPlaying = true;
    try {
      for (const file of files) {
        await this.#playOne(file);
        if (generation !== this.#generation) return 'stopped';
      }
      return 'played';
    } finally {
      if (generation === this.#generation) this.#isPlaying = false;
    }
  }

  startLoop(source: string): void {
    this.play([source]).catch((error: unknown) => {
      if (!isLegEnded(error)) this.#options.logger.warn('a tone could not be played');
    });
  }

  async stop(): Promise<void> {
    const wasPlaying = this.#isPlaying;
    const generation = ++this.#generation;
    await this.#break();
    // The command may overtake a playback that is still being queued; it is repeated until the playback has ended.
    for (let tries = 1; wasPlaying && tries < STOP_TRIES && this.#isBusy > 0; tries++) {
      await new Promise<void>((resolve) => this.#options.clock.after(STOP_RETRY_MS, resolve));
      if (generation !== this.#generation || this.ending.hasEnded) return;
      if (this.#isBusy > 0) await this.#break();
    }
    this.#isPlaying = this.#isBusy > 0;
  }

  onDigit(listener: (digit: string) => void): Disposable {
    this.#digits.add(listener);
    return { [Symbol.dispose]: () => this.#digits.delete(listener) };
  }

  pressDigit(digit: string): void {
    if (!DIGITS.test(digit)) return;
    for (const listener of [...this.#digits]) listener(digit);
  }

  async record(path: string, { maxSeconds, silenceSeconds }: RecordLimits): Promise<void> {
    await this.#set({ playback_terminators: '#', ...RECORDING_VARIABLES });
    try {
      const argument = `${safe(path)} ${maxSeconds} ${SILENCE_THRESHOLD} ${silenceSeconds}`;
      await this.#bounded(() => this.#endpoint.execute('record', argument), 'a recording', (maxSeconds + 10) * 1000);
    } finally {
      if (!this.ending.hasEnded) await this.#set({ playback_terminators: 'none' });
    }
  }

  async startRecordingCall(path: string, blanking?: DigitBlanking): Promise<void> {
    const blanksDigits = String(blanking !== undefined);
    await this.#set({ ...RECORDING_VARIABLES, RECORD_STEREO: 'true', RECORD_BLANK_DIGITS: blanksDigits });
    if (blanking !== undefined) this.#hearBlanked(path, blanking);
    await this.#bounded(() => this.#endpoint.execute('record_session', safe(path)), 'starting a recording');
  }

  #hearBlanked(path: string, blanking: DigitBlanking): void {
    this.#endpoint.addCustomEventListener('wardline::digits-blanked', (_body, event) => {
      if (event.getHeader('Record-File-Path') !== path) return;
      blanking(Number(event.getHeader('Blanked-From-Ms')), Number(event.getHeader('Blanked-To-Ms')));
    });
  }

  async stopRecordingCall(path: string): Promise<void> {
    await this.#bounded(() => this.#endpoint.execute('stop_record_session', safe(path)), 'stopping a recording');
  }

  async changeRecordingCall(path: string, change: RecordingChange): Promise<void> {
    await this.#bounded(() => this.#endpoint.execute(`record_session_${change}`, safe(path)), 'changing a recording');
  }

  async hint(source: string): Promise<void> {
    const argument = `${this.#endpoint.uuid} ${safe(source)} aleg`;
    await this.#bounded(() => this.#endpoint.api('uuid_broadcast', argument), 'a tone');
  }

  async bridge(other: Media): Promise<void> {
    if (!(other instanceof EndpointMedia)) throw new WardlineError('internal', 'Only endpoints can be bridged.');
    this.#generation++;
    other.#generation++;
    await this.#bounded(() => this.#endpoint.bridge(other.#endpoint), 'connecting two parties');
  }

  async unbridge(): Promise<void> {
    await this.#bounded(() => this.#endpoint.unbridge(), 'parting two parties');
  }

  async modify(offer: string): Promise<string> {
    const dialog = this.#endpoint.dialog;
    const body = cleanSdp(offer);
    if (dialog === null || body === undefined) throw new WardlineError('bad-sdp', 'The session could not be changed.');
    // Not `endpoint.modify`: after one refusal drachtio-srf's own queue of re-INVITEs stays shut (contract §2.2).
    const invite = { method: 'INVITE', headers: { Contact: dialog.local.contact }, body };
    const response = await this.#bounded(() => dialog.request(invite), 'changing a session');
    if (response.status !== 200) throw new WardlineError('bad-sdp', 'The media server refused the changed session.');
    return response.body;
  }

  async packetsHeard(): Promise<number> {
    const variables = await this.#bounded(() => this.#endpoint.getChannelVariables(true), 'reading statistics');
    return Number(variables.variable_rtp_audio_in_packet_count ?? -1);
  }

  quality(): Promise<MediaQuality | undefined> {
    this.#quality ??= this.#readQuality();
    return this.#quality;
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy();
    return this.#destroying;
  }

  async #readQuality(): Promise<MediaQuality | undefined> {
    const endpoint = this.#endpoint;
    if (!endpoint.connected) return undefined;
    const read = async () => {
      await endpoint.api('uuid_set_media_stats', endpoint.uuid);
      return qualityOf((await endpoint.api('uuid_dump', `${endpoint.uuid} json`)).getBody());
    };
    const bounds = { clock: this.#options.clock, ms: QUALITY_MS, what: 'reading statistics' };
    return await within(read(), bounds).catch(() => undefined);
  }

  async #destroy(): Promise<void> {
    const wasConnected = this.#endpoint.connected;
    this.ending.end('hung-up');
    if (!wasConnected) return;
    await this.quality();
    try {
      await within(this.#endpoint.destroy(), { clock: this.#options.clock, ms: DESTROY_MS, what: 'hanging up' });
    } catch {
      this.#options.kill(this.#endpoint.uuid);
    }
  }

  #busy = 0;

  get #isBusy(): number {
    return this.#busy;
  }

  async #playOne(file: string): Promise<void> {
    this.#busy++;
    try {
      await this.#bounded(() => this.#endpoint.play(safe(file)), 'playing', PLAY_MS);
    } catch (error) {
      if (!(error instanceof Error && error.message === 'File Not Found')) throw error;
      this.#options.logger.warn({ prompt: file.split('/').slice(-2).join('/') }, 'a prompt is missing');
    } finally {
      this.#busy--;
    }
  }

  async #break(): Promise<void> {
    if (this.ending.hasEnded) return;
    await this.#bounded(() => this.#endpoint.api('uuid_break', this.#endpoint.uuid), 'stopping').catch(
      (error: unknown) => {
        if (!isLegEnded(error)) throw error;
      },
    );
  }

  async #set(values: Readonly<Record<string, string>>): Promise<void> {
    // Not `endpoint.set`: on a channel that has just ended it rejects where nobody can catch it, which ends the process.
    const argument = `^^^${Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join('^')}`;
    await this.#bounded(() => this.#endpoint.execute('multiset', argument), 'setting variables');
  }

  /** Begins `work` unless the channel has ended: fsmrf is asked nothing of an endpoint that is gone. */
  #bounded<Value>(work: () => Promise<Value>, what: string, ms = COMMAND_MS): Promise<Value> {
    if (this.ending.hasEnded) {
      return Promise.reject(new WardlineError('leg-ended', `The party left during ${what}.`));
    }
    return within(work(), { clock: this.#options.clock, ms, what, ending: this.ending });
  }
}

/** Contract §7.6: nothing is held back, so that a power cut costs less than a second. */
const RECORDING_VARIABLES = {
  enable_file_write_buffering: 'false',
  RECORD_MIN_SEC: '0',
  record_sample_rate: '8000',
  RECORD_PRE_BUFFER_FRAMES: '0',
};

/** Arguments reach a command line that expands `${…}` and breaks at line ends. */
function safe(argument: string): string {
  if (!SAFE_ARGUMENT.test(argument)) throw new WardlineError('bad-argument', 'A media file has an unusable name.');
  return argument;
}
