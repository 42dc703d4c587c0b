// Two channels that hear each other (`uuid_bridge`), until one ends or both are sent elsewhere; events in FreeSWITCH's order.
import type { Channel } from './channel.ts';

export class Bridge {
  /** The channel that the command was given for: only on it are BRIDGE and UNBRIDGE told. */
  readonly first: Channel;
  readonly second: Channel;
  #isOver = false;

  private constructor(first: Channel, second: Channel) {
    this.first = first;
    this.second = second;
  }

  /** Both drop what they are doing. */
  static join(first: Channel, second: Channel): Bridge {
    for (const channel of [first, second]) channel.bridge?.end(channel);
    for (const channel of [second, first]) {
      channel.applications.drop();
      channel.leaveWait();
    }
    const bridge = new Bridge(first, second);
    first.enterBridge(bridge, second.uuid);
    second.bridge = bridge;
    first.publish('CHANNEL_BRIDGE', bridge.#fields());
    second.enterBridge(bridge, first.uuid);
    return bridge;
  }

  otherOf(channel: Channel): Channel {
    return channel === this.first ? this.second : this.first;
  }

  /** `channel` leaves; the other waits, or ends when `hangup_after_bridge` says so. */
  end(channel: Channel): void {
    if (!this.#separate()) return;
    const other = this.otherOf(channel);
    if (other.isHungUp) return;
    if (other.variables.isTrue('hangup_after_bridge')) other.hangup('NORMAL_CLEARING');
    else other.parkAfterBridge();
  }

  /** `uuid_transfer … park inline`: both (`-both`), or one and the other waits. */
  transfer(channel: Channel, both: boolean): void {
    if (!this.#separate()) return;
    channel.park();
    if (both) this.otherOf(channel).park();
    else this.otherOf(channel).parkAfterBridge();
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
