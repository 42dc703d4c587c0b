// Two channels that hear each other (`uuid_bridge`), until one ends or both are sent elsewhere; events in FreeSWITCH's order.
import type { Channel } from './channel.ts';
import type { Step } from './dialplan.ts';

export class Bridge {
  /** The channel that the command was given for: only on it are BRIDGE and UNBRIDGE told. */
  readonly first: Channel;
  readonly second: Channel;
  /** Of a bridge that is an application of the first: that goes on when this is called. */
  #onOver: (() => void) | undefined;
  #isOver = false;

  private constructor(first: Channel, second: Channel) {
    this.first = first;
    this.second = second;
  }

  /** Both drop what they are doing. */
  static join(first: Channel, second: Channel): Bridge {
    for (const channel of [first, second]) channel.bridge?.end(channel);
    for (const channel of [second, first]) channel.interrupt();
    const bridge = new Bridge(first, second);
    first.enterBridge(bridge, second.uuid);
    second.bridge = bridge;
    first.publish('CHANNEL_BRIDGE', bridge.#fields());
    second.enterBridge(bridge, first.uuid);
    return bridge;
  }

  /** Within an application of the first, which goes on (`onOver`) when the second has ended. */
  static within(first: Channel, second: Channel, onOver: () => void): Bridge {
    first.bridge?.end(first);
    second.bridge?.end(second);
    second.interrupt();
    const bridge = new Bridge(first, second);
    bridge.#onOver = onOver;
    first.bridge = bridge;
    second.bridge = bridge;
    for (const [channel, other] of [
      [first, second],
      [second, first],
    ] as const)
      channel.tellBridged(other.uuid);
    first.publish('CHANNEL_BRIDGE', bridge.#fields());
    return bridge;
  }

  otherOf(channel: Channel): Channel {
    return channel === this.first ? this.second : this.first;
  }

  /** `channel` leaves; the other goes on with what it ran, waits where `park_after_bridge` says so, or ends. */
  end(channel: Channel): void {
    if (!this.#separate()) return;
    const other = this.otherOf(channel);
    if (!other.isHungUp) this.#letGo(other);
  }

  /** `uuid_transfer`: both (`-both`), or one and the other is left. */
  transfer(channel: Channel, both: boolean, steps: readonly Step[]): void {
    if (!this.#separate()) return;
    channel.transfer(steps);
    if (both) this.otherOf(channel).transfer(steps);
    else this.#letGo(this.otherOf(channel));
  }

  #letGo(channel: Channel): void {
    const { variables } = channel;
    if (variables.isTrue('hangup_after_bridge')) channel.hangup('NORMAL_CLEARING');
    else if (channel === this.first && this.#onOver !== undefined) this.#onOver();
    else if (variables.isTrue('park_after_bridge')) channel.parkAfterBridge();
    else channel.hangup('NORMAL_CLEARING');
  }

  #separate(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.first.publish('CHANNEL_UNBRIDGE', this.#fields());
    this.first.leaveBridge();
    this.second.leaveBridge();
    return true;
  }

  #fields(): ReadonlyArray<readonly [string, string]> {
    return [
      ['Bridge-A-Unique-ID', this.first.uuid],
      ['Bridge-B-Unique-ID', this.second.uuid],
    ];
  }
}
