// The channels of a media server, by UUID, and the counters that `status` and HEARTBEAT tell.
import type { Clock } from '../../../kernel/clock.ts';
import type { Channel } from './channel.ts';

/** Calls at a time, unless the server is told otherwise. */
export const DEFAULT_MAX_CHANNELS = 1000;

const SECOND_MS = 1000;
/** What may wait to run later. */
const MAX_TASKS = 1_000;

/** New calls a second that HEARTBEAT tells of as the limit. */
const MAX_PER_SECOND = 80;

export class Registry {
  readonly maxPerSecond = MAX_PER_SECOND;
  readonly maxChannels: number;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #byUuid = new Map<string, Channel>();
  /** For the tick: rebuilt when a channel comes or goes. */
  #list: Channel[] = [];
  #secondBegan = 0;
  #inSecond = 0;
  readonly #tasks = new Map<number, { readonly group: string; readonly timer: Disposable }>();
  #lastTask = 0;
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

  /** Runs `act` later, and with `isRepeated` again and again; its number, or undefined when too much waits. */
  schedule(group: string, waitMs: number, act: () => void, isRepeated = false): number | undefined {
    if (this.#tasks.size >= MAX_TASKS) return undefined;
    const id = ++this.#lastTask;
    const wait = () => this.#tasks.set(id, { group, timer: this.#clock.after(waitMs, run) });
    const run = (): void => {
      this.#tasks.delete(id);
      if (isRepeated) wait();
      act();
    };
    wait();
    return id;
  }

  /** Forgets a task by its number, or all of a group; how many there were. */
  unschedule(wanted: string): number {
    const found = [...this.#tasks].filter(([id, { group }]) => String(id) === wanted || group === wanted);
    for (const [id, { timer }] of found) {
      timer[Symbol.dispose]();
      this.#tasks.delete(id);
    }
    return found.length;
  }

  /** Nothing that was to run later will. */
  unscheduleAll(): void {
    for (const { timer } of this.#tasks.values()) timer[Symbol.dispose]();
    this.#tasks.clear();
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
    this.unschedule(channel.uuid);
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
