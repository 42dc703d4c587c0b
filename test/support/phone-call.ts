// One call of a test telephone: its dialog and its audio; it speaks tones, presses keys, hears, holds and hangs up.
import { randomBytes } from 'node:crypto';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg, TICK_SAMPLES } from '../../src/engine/media-server/audio/leg.ts';
import type { MediaPorts } from '../../src/engine/runtime/media-socket.ts';
import type { SipStack, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { SecurePolicy } from '../../src/protocol/sdp/audio.ts';
import type { AudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { SipHeaders } from '../../src/protocol/sip/message.ts';
import { PATIENCE_MS } from './patience.ts';
import { steadyTone, toneLevel } from './tone-level.ts';

const TICK_MS = 20;
const RATE = 8000;
const MAX_HEARD_SECONDS = 120;
const SILENCE = new Int16Array(TICK_SAMPLES);

/** An INVITE that was sent. */
export class PendingCall {
  readonly progress: number[] = [];
  readonly answered: Promise<PhoneCall>;
  cancel: () => void = () => {};
  succeed: (call: PhoneCall) => void;
  reject: (error: Error) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<PhoneCall>();
    promise.catch(() => {});
    this.answered = promise;
    this.succeed = resolve;
    this.reject = reject;
  }

  fail(response: SipResponse): void {
    this.reject(Object.assign(new Error(`refused with ${response.status}`), { status: response.status }));
  }
}

interface TestDialog {
  readonly uri: string;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
}

export class PhoneCall {
  readonly negotiation: AudioNegotiation;
  /** Everything heard so far, 8 kHz. */
  readonly heard = new Int16Array(MAX_HEARD_SECONDS * RATE);
  heardSamples = 0;
  /** Keys of the other side that arrived, RFC 4733. */
  digits = '';
  hasEnded = false;
  onAcked: (() => void) | undefined;
  readonly #leg: AudioLeg;
  #says: ToneGenerator | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #dialog: TestDialog = { uri: '', from: '', to: '', callId: '' };
  #stack: SipStack | undefined;
  #target: SipTarget | undefined;
  #contact = '';
  /** Above that of any INVITE that began the dialog. */
  #cseq = 10_000;

  private constructor(leg: AudioLeg, secure: SecurePolicy) {
    this.#leg = leg;
    leg.onDigit = (digit) => {
      this.digits += digit;
    };
    this.negotiation = createAudioNegotiation({
      local: leg.local,
      name: 'test',
      sessionId: 1,
      secure,
      random: randomBytes,
    });
  }

  static async open(ports: MediaPorts, secure: SecurePolicy): Promise<PhoneCall> {
    const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'strict' });
    return new PhoneCall(leg, secure);
  }

  attach(dialog: TestDialog, stack: SipStack, target: SipTarget, contact: string): void {
    this.#dialog = dialog;
    this.#stack = stack;
    this.#target = target;
    this.#contact = contact;
  }

  /** Takes the answer to our offer and starts audio. */
  agree(answer: string): void {
    const negotiated = this.negotiation.acceptAnswer(answer);
    if ('refused' in negotiated) throw new Error(`no audio: ${negotiated.refused}`);
    this.start();
  }

  acked(body: string): void {
    if (body !== '') this.agree(body);
    else if (this.#ticker === undefined) this.start();
    this.onAcked?.();
    this.onAcked = undefined;
  }

  start(): void {
    const { audio } = this.negotiation;
    if (audio !== undefined) this.#leg.configure(audio);
    if (this.#ticker !== undefined || this.hasEnded) return;
    const startedAt = systemClock.monotonic();
    let ticks = 0;
    this.#ticker = setInterval(() => {
      for (; ticks * TICK_MS <= systemClock.monotonic() - startedAt; ticks++) this.#tick();
    }, TICK_MS / 2);
  }

  get isEncrypted(): boolean {
    return this.negotiation.audio?.srtp !== undefined;
  }

  /** Sounds `hz`, or several at once, until told otherwise; undefined for silence. */
  say(hz: number | readonly number[] | undefined): void {
    this.#says = hz === undefined ? undefined : new ToneGenerator(steadyTone([hz].flat(), -12), RATE);
  }

  press(digit: string): void {
    this.#leg.sendDigit(digit, 120);
  }

  /** The level of `hz` in the last `ms` heard, in dBFS. */
  level(hz: number, ms = 400): number {
    const count = (ms * RATE) / 1000;
    return toneLevel(this.heard.subarray(Math.max(0, this.heardSamples - count), this.heardSamples), RATE, hz);
  }

  async until(holds: () => boolean, deadlineMs = PATIENCE_MS): Promise<boolean> {
    const end = systemClock.monotonic() + deadlineMs;
    while (!holds() && systemClock.monotonic() < end) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    return holds();
  }

  /** Sends a re-INVITE with that direction; answers the response's status. */
  async reinvite(direction: 'sendrecv' | 'sendonly' | 'inactive'): Promise<number> {
    const offer = this.negotiation.makeOffer({ direction });
    const response = await this.#ask('INVITE', offer);
    if (response.status === 200) {
      const ack = this.request('ACK');
      if (this.#stack !== undefined && this.#target !== undefined) {
        await this.#stack.sendAck({ ...ack, headers: ack.headers.with('CSeq', `${this.#cseq} ACK`) }, this.#target);
      }
      this.agree(Buffer.from(response.body).toString());
    }
    return response.status;
  }

  async hangUp(): Promise<void> {
    if (this.hasEnded) return;
    this.close();
    await this.#ask('BYE', '');
  }

  close(): void {
    this.hasEnded = true;
    clearInterval(this.#ticker);
    this.#leg[Symbol.dispose]();
  }

  request(method: string, body = ''): SipRequest {
    const { uri, from, to, callId } = this.#dialog;
    const headers: [string, string][] = [
      ['Max-Forwards', '70'],
      ['From', from],
      ['To', to],
      ['Call-ID', callId],
      ['CSeq', `${this.#cseq} ${method}`],
      ['Contact', `<${this.#contact}>`],
      ...(body === '' ? [] : [['Content-Type', 'application/sdp'] as [string, string]]),
    ];
    return { kind: 'request', method, uri, headers: SipHeaders.of(...headers), body: Buffer.from(body) };
  }

  async #ask(method: string, body: string): Promise<SipResponse> {
    this.#cseq++;
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    if (this.#stack === undefined || this.#target === undefined) throw new Error('there is no dialog');
    await this.#stack.request(this.request(method, body), this.#target, {
      onResponse: (response) => {
        if (response.status >= 200) resolve(response);
      },
      onFailure: (ending) => reject(new Error(ending)),
    });
    return await promise;
  }

  #tick(): void {
    const frame = this.#leg.read();
    if (this.heardSamples + frame.length <= this.heard.length) {
      this.heard.set(frame, this.heardSamples);
      this.heardSamples += frame.length;
    }
    const out = new Int16Array(TICK_SAMPLES);
    if (this.#says === undefined) this.#leg.write(SILENCE);
    else {
      this.#says.read(out);
      this.#leg.write(out);
    }
  }
}
