// What one call hears and says, 20 ms at a time: its party, the other leg of its bridge, its application, another program, and its recordings.

import { samplesOf } from '../../../protocol/rtp/tick.ts';
import type { Channel } from './channel.ts';
import { Unicast, type UnicastRequest } from './unicast.ts';

export class ChannelAudio implements Disposable {
  /** What was heard from the party in this tick. */
  heard: Int16Array;
  /** Silences what is heard from the party: `set_mute read true`. */
  isReadMuted = false;
  readonly #channel: Channel;
  #out: Int16Array;
  #silence: Int16Array;
  #unicast: Unicast | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
    const samples = samplesOf(channel.leg.rate);
    this.#out = new Int16Array(samples);
    this.#silence = new Int16Array(samples);
    this.heard = this.#silence;
  }

  /** First half of a tick: what the party says. */
  listen(): void {
    const heard = this.#channel.leg.read();
    if (heard.length !== this.#silence.length) {
      this.#out = new Int16Array(heard.length);
      this.#silence = new Int16Array(heard.length);
    }
    this.#channel.digits.listen(heard);
    this.heard = this.isReadMuted ? this.#silence : heard;
  }

  /** Second half: what the party is sent, and the recordings of both. */
  speak(): void {
    const { bridge, applications, leg, recordings } = this.#channel;
    const { top } = applications;
    let out: Int16Array = this.#out;
    if (bridge !== undefined && (top === undefined || top.hearsBridge === true))
      out = bridge.otherOf(this.#channel).audio.heard;
    else {
      out.fill(0);
      if (top === undefined) this.#unicast?.tick(this.heard, out);
      else top.tick?.(this.heard, out);
    }
    if (this.#channel.isHungUp) return;
    leg.write(out);
    recordings.capture(this.heard, out);
  }

  /** While the call waits, its audio goes to another program and comes from there. Rejects with Node's own error. */
  async relay(request: UnicastRequest): Promise<void> {
    const unicast = await Unicast.open(request);
    this.#unicast?.[Symbol.dispose]();
    this.#unicast = unicast;
    if (this.#channel.isHungUp) unicast[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#unicast?.[Symbol.dispose]();
  }
}
