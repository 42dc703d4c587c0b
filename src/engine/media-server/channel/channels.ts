// The channels of a media server by UUID, their common beat, and the counters that `status` and HEARTBEAT tell.
import type { Clock } from '../../../kernel/clock.ts';
import type { Channel } from './channel.ts';
import { ServerTasks } from './server-tasks.ts';

/** Calls at a time, unless the server is told otherwise. */
export const DEFAULT_MAX_CHANNELS = 1000;

const SECOND_MS = 1000;

/** New calls a second that HEARTBEAT tells of as the limit. */
const MAX_PER_SECOND = 80;

export class Channels {
  readonly maxPerSecond = MAX_PER_SECOND;
  readonly maxChannels: number;
  readonly tasks: ServerTasks;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #byUuid = new Map<string, Channel>();
  /** For the tick: rebuilt when a channel comes or goes. */
  #list: Channel[] = [];
  #secondBegan = 0;
  #inSecond = 0;
  total = 0;
  /** Packets of calls that have ended which were cut as a flood. */
  #flooded = 0;
  peak = 0;
  perSecondPeak = 0;
  isDraining = false;
  onEmpty: (() => void) | undefined;

  constructor(clock: Clock, maxChannels = DEFAULT_MAX_CHANNELS) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.tasks = new ServerTasks(clock);
    this.maxChannels = maxChannels;
  }

  get size(): number {
    return this.#byUuid.size;
  }

  get isFull(): boolean {
    return this.isDraining || this.#byUuid.size >= this.maxChannels;
  }

  get list(): readonly Channel[] {
    return this.#list;
  }

  /** Packets cut as a flood since the start. */
  get flooded(): number {
    return this.#list.reduce((sum, { leg }) => sum + leg.stats.flooded, this.#flooded);
  }

  get uptimeMs(): number {
    return this.#clock.monotonic() - this.#startedAt;
  }

  /** Calls that began within the running second. */
  get perSecond(): number {
    return this.#clock.monotonic() - this.#secondBegan < SECOND_MS ? this.#inSecond : 0;
  }

  find(uuid: string): Channel | undefined {
    return this.#byUuid.get(uuid);
  }

  add(channel: Channel): void {
    this.#byUuid.set(channel.uuid, channel);
    this.#list = [...this.#byUuid.values()];
    this.total++;
    this.peak = Math.max(this.peak, this.#byUuid.size);
    this.#countSecond();
  }

  remove(channel: Channel): void {
    if (!this.#byUuid.delete(channel.uuid)) return;
    this.tasks.forget(channel.uuid);
    this.#flooded += channel.leg.stats.flooded;
    this.#list = [...this.#byUuid.values()];
    if (this.#byUuid.size === 0) this.onEmpty?.();
  }

  /** One tick of 20 ms: everybody is heard before anybody is spoken to. */
  readonly tick = (): void => {
    const channels = this.#list;
    for (let i = 0; i < channels.length; i++) channels[i]?.audio.listen();
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[i];
      try {
        channel?.audio.speak();
      } catch (error) {
        channel?.fail(error);
      }
    }
  };

  #countSecond(): void {
    const now = this.#clock.monotonic();
    if (now - this.#secondBegan >= SECOND_MS) {
      this.#secondBegan = now;
      this.#inSecond = 0;
    }
    this.#inSecond++;
    this.perSecondPeak = Math.max(this.perSecondPeak, this.#inSecond);
  }
}
