// The `loopback` endpoint: two channels whose audio is each other's, without a network; the second runs the extension that was called.
import type { HostPort } from '../../../kernel/ip.ts';
import { Resampler } from '../../../protocol/rtp/resample.ts';
import { EVENT_TICKS_A_MS } from '../../../protocol/rtp/telephone-event.ts';
import { NARROW_RATE } from '../../../protocol/rtp/tick.ts';
import type { AudioLeg } from '../audio/leg.ts';
import { TICK_SAMPLES } from '../audio/leg.ts';
import { type AudioStats, NO_STATS } from '../audio/stats.ts';
import { parseInline, type Step } from '../channel/dialplan.ts';

/** What `loopback/app=<application>[:<args>]` or `loopback/<inline>/<context>/inline` runs; undefined when there is no such extension. */
export function loopbackSteps(place: string): Step[] | undefined {
  const [, app, data = ''] = /^app=([^:]+)(?::(.*))?$/s.exec(place) ?? [];
  if (app !== undefined) return [{ application: app, data }];
  const inline = /^(.+)\/[^/]*\/inline$/s.exec(place)?.[1];
  const steps = inline === undefined ? [] : parseInline(inline);
  return steps.length === 0 ? undefined : steps;
}

/** Two legs that hear each other a tick later. */
export function loopbackPair(): readonly [AudioLeg, AudioLeg] {
  const [first, second] = [new LoopbackLeg(), new LoopbackLeg()];
  first.other = second;
  second.other = first;
  return [first, second];
}

class LoopbackLeg implements AudioLeg {
  readonly local: HostPort = { host: '127.0.0.1', port: 0 };
  readonly rate = NARROW_RATE;
  onDigit: AudioLeg['onDigit'];
  onLost: AudioLeg['onLost'];
  other: LoopbackLeg | undefined;
  readonly #in = new Int16Array(TICK_SAMPLES);
  readonly #heard = new Int16Array(TICK_SAMPLES);
  #hasIn = false;
  #resampler: Resampler | undefined;
  #sent = 0;
  #received = 0;

  configure(): void {
    // It has one codec, and nobody to agree on it with.
  }

  read(): Int16Array {
    if (this.#hasIn) this.#heard.set(this.#in);
    else this.#heard.fill(0);
    this.#hasIn = false;
    return this.#heard;
  }

  write(samples: Int16Array): void {
    if (samples.length !== TICK_SAMPLES) this.#resampler ??= new Resampler(2 * NARROW_RATE, NARROW_RATE);
    const fitting = samples.length === TICK_SAMPLES ? samples : this.#resampler?.process(samples);
    this.#sent++;
    this.other?.take(fitting?.subarray(0, TICK_SAMPLES) ?? samples);
  }

  take(samples: Int16Array): void {
    this.#in.set(samples);
    this.#hasIn = true;
    this.#received++;
  }

  sendDigit(digit: string, durationMs: number): boolean {
    if (!/^[0-9*#A-D]$/i.test(digit)) return false;
    this.other?.onDigit?.(digit.toUpperCase(), durationMs * EVENT_TICKS_A_MS);
    return true;
  }

  get stats(): AudioStats {
    const bytes = { bytesSent: this.#sent * TICK_SAMPLES, bytesReceived: this.#received * TICK_SAMPLES };
    return { ...NO_STATS, ...bytes, packetsSent: this.#sent, packetsReceived: this.#received };
  }

  [Symbol.dispose](): void {
    if (this.other !== undefined) this.other.other = undefined;
    this.other = undefined;
    this.onDigit = undefined;
  }
}
