// A channel's outbound event socket: the controller that `socket` names is connected to, and told of the end.
import type { HostPort } from '../../../kernel/ip.ts';
import { connectTcp } from '../../runtime/tcp-server.ts';
import type { ApiContext } from '../api/command.ts';
import type { Channel } from '../channel/channel.ts';
import type { EventHub } from '../host/event-hub.ts';
import { EventSocket } from './event-socket.ts';

/** How long a controller may take to be reached. */
const CONNECT_TIMEOUT_MS = 2_000;

export interface OutboundSocketOptions extends ApiContext {
  readonly hub: EventHub;
}

export class OutboundSocket {
  readonly #options: OutboundSocketOptions;
  #socket: EventSocket | undefined;

  constructor(options: OutboundSocketOptions) {
    this.#options = options;
  }

  /** The dialplan's `socket <controller> async full`; a controller that cannot be reached ends the call. */
  async connect(channel: Channel, controller: HostPort): Promise<void> {
    const { host } = this.#options;
    channel.variables.set('socket_host', controller.host);
    channel.waiting.forCommands(`${controller.host}:${controller.port}`);
    const { connectDelayMs = 0 } = host.quirks;
    if (connectDelayMs > 0) await new Promise<void>((resolve) => host.clock.after(connectDelayMs, resolve));
    try {
      const connection = await connectTcp(controller, CONNECT_TIMEOUT_MS);
      if (channel.isHungUp) {
        connection.destroy();
        return;
      }
      const onClose = () => channel.losesController();
      this.#socket = new EventSocket({ ...this.#options, connection, channel, onClose });
    } catch {
      host.logger.warn({ channel: channel.uuid }, 'the controller of a call could not be reached');
      channel.hangup('NORMAL_CLEARING');
    }
  }

  close(): void {
    this.#socket?.close();
  }

  abandon(): void {
    this.#socket?.abandon();
  }
}
