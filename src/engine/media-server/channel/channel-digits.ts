// The digits of one channel: told as DTMF events, handed to the running application or the other party, found in the audio on request.
import { DtmfDetector } from '../../../protocol/rtp/dtmf-detector.ts';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { DEFAULT_DIGIT_MS, EVENT_TICKS_A_MS } from '../../../protocol/rtp/telephone-event.ts';
import { NARROW_RATE, samplesOf } from '../../../protocol/rtp/tick.ts';
import type { EventHub } from '../host/event-hub.ts';
import type { Channel } from './channel.ts';
import { basicFields } from './event-fields.ts';

export type DigitSource = 'RTP' | 'APP' | 'INBAND_AUDIO';

/** The detector hears 8 kHz; what it finds is reported with FreeSWITCH's own length for it. */
const DETECTOR_SAMPLES = samplesOf(NARROW_RATE);
const INBAND_TICKS = DEFAULT_DIGIT_MS * EVENT_TICKS_A_MS;
/** Digits that `digits_dialed` tells of at the end. */
const MAX_DIALED = 128;

export class ChannelDigits {
  /** The other party of a bridge is not told (`drop_dtmf`), or is told `mask` instead. */
  isDropped = false;
  mask = '';
  readonly #channel: Channel;
  readonly #hub: EventHub;
  #detector: DtmfDetector | undefined;
  readonly #forDetector = new RateMatch();
  #dialed = '';

  constructor(channel: Channel, hub: EventHub) {
    this.#channel = channel;
    this.#hub = hub;
  }

  /** What was pressed since the start, for CHANNEL_HANGUP_COMPLETE; `none` when nothing was pressed, or nothing that may be shown. */
  get dialed(): string {
    return this.#dialed === '' ? 'none' : this.#dialed;
  }

  /** `ticks`: its length in RTP clock ticks. */
  receive(digit: string, ticks: number, source: DigitSource): void {
    const channel = this.#channel;
    if (channel.isHungUp) return;
    if (!channel.variables.isTrue('sensitive_dtmf')) this.#tell(digit, ticks, source);
    const { top } = channel.applications;
    if (top !== undefined) channel.guard(() => top.onDigit?.(digit));
    else this.#forward(digit, ticks, source);
  }

  /** Whether digits are looked for in the audio too: `start_dtmf`. */
  detectTones(isOn: boolean): void {
    const report = (digit: string) => this.receive(digit, INBAND_TICKS, 'INBAND_AUDIO');
    this.#detector = isOn ? new DtmfDetector(report) : undefined;
  }

  /** One tick of what the party says. */
  listen(heard: Int16Array): void {
    this.#detector?.step(this.#forDetector.match(heard, DETECTOR_SAMPLES));
  }

  #tell(digit: string, ticks: number, source: DigitSource): void {
    if (this.#dialed.length < MAX_DIALED) this.#dialed += digit;
    this.#hub.publish('DTMF', () => [
      ...basicFields(this.#channel.facts()),
      ['DTMF-Digit', digit],
      ['DTMF-Duration', String(ticks)],
      ['DTMF-Source', source],
    ]);
  }

  /** Tones in the audio have reached the other side as they are. */
  #forward(digit: string, ticks: number, source: DigitSource): void {
    const other = this.#channel.bridge?.otherOf(this.#channel);
    if (other === undefined || source === 'INBAND_AUDIO') return;
    const sent = this.isDropped ? this.mask : digit;
    const ms = Math.max(1, Math.round(ticks / EVENT_TICKS_A_MS));
    for (const key of sent) other.leg.sendDigit(key, ms);
  }
}
