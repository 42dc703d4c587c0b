// How far a channel has come: its state, its call state and when each came, told as FreeSWITCH tells them (contract §5.7).
import type { EventHub } from '../host/event-hub.ts';
import type { Channel } from './channel.ts';
import {
  basicFields,
  CALL_STATE_NUMBERS,
  type CallState,
  type ChannelState,
  type ChannelTimes,
  timesFrom,
} from './event-fields.ts';

export class CallProgress {
  state: ChannelState = 'CS_EXECUTE';
  readonly #channel: Channel;
  readonly #hub: EventHub;
  readonly #times: { -readonly [Name in keyof ChannelTimes]: number };
  #callState: CallState = 'DOWN';

  constructor(channel: Channel, hub: EventHub) {
    this.#channel = channel;
    this.#hub = hub;
    this.#times = timesFrom(channel.host.clock.now());
  }

  get callState(): CallState {
    return this.#callState;
  }

  get times(): ChannelTimes {
    return this.#times;
  }

  /** That comes now. */
  stamp(name: keyof ChannelTimes): void {
    this.#times[name] = this.#channel.host.clock.now();
  }

  setCallState(next: CallState): void {
    const before = this.#callState;
    if (before === next) return;
    this.#callState = next;
    this.#hub.publish('CHANNEL_CALLSTATE', () => [
      ['Original-Channel-Call-State', before],
      ['Channel-Call-State-Number', String(CALL_STATE_NUMBERS[next])],
      ...basicFields(this.#channel.facts()),
    ]);
  }

  /** There is a call, and the dialplan is looked for. */
  arrive(): void {
    this.state = 'CS_INIT';
    this.#channel.publish('CHANNEL_CREATE');
    this.state = 'CS_ROUTING';
    this.setCallState('RINGING');
    this.state = 'CS_EXECUTE';
  }

  /** It rings (180), or is heard before it answers (183 with SDP, or what `answer` begins with); each is told once. */
  goOn(next: 'RINGING' | 'EARLY'): void {
    const { progressAt, progressMediaAt, answeredAt } = this.#times;
    const isHeard = next === 'EARLY';
    if (answeredAt > 0 || progressMediaAt > 0 || (!isHeard && progressAt > 0)) return;
    this.stamp(isHeard ? 'progressMediaAt' : 'progressAt');
    if (isHeard) this.#channel.variables.set('endpoint_disposition', 'EARLY MEDIA');
    this.#channel.publish(isHeard ? 'CHANNEL_PROGRESS_MEDIA' : 'CHANNEL_PROGRESS');
    this.setCallState(next);
  }

  answer(): void {
    this.stamp('answeredAt');
    this.#channel.publish('CHANNEL_ANSWER');
    this.setCallState('ACTIVE');
  }

  /** It is routed anew, as a channel that is transferred; that a party which called in hears of. */
  reroute(isInbound: boolean): void {
    this.state = 'CS_ROUTING';
    if (isInbound) this.setCallState('RINGING');
    this.state = 'CS_EXECUTE';
    if (isInbound) this.setCallState('ACTIVE');
  }

  /** Its call state is told down to the end; a held one is first taken off hold. */
  end(): void {
    this.state = 'CS_HANGUP';
    if (this.#callState === 'HELD') this.setCallState('UNHELD');
    this.setCallState('HANGUP');
  }
}
