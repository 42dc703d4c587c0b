// What a channel does when no application runs: it waits for commands, parked, or after a bridge whose other party is gone.
import { newUuid } from '../host/host.ts';
import { executeFields, publishComplete, type Run } from './application-stack.ts';
import type { Channel } from './channel.ts';

export class Waiting {
  readonly #channel: Channel;
  /** `tail` is a wait without an application, after a bridge. */
  #wait: (Run & { readonly application: 'socket' | 'park' }) | 'tail' | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Whether a controller has it do something next. */
  get isForCommands(): boolean {
    return this.#wait !== undefined && this.#wait !== 'tail' && this.#wait.application === 'socket';
  }

  /** The dialplan has come to `socket`. */
  forCommands(target: string): void {
    const data = `${target} async full`;
    this.#channel.variables.setAll({ current_application_data: data, current_application: 'socket' });
    this.#begin('socket', data);
  }

  /** The dialplan has come to `park`. */
  parked(): void {
    this.#begin('park', '');
    this.#channel.publish('CHANNEL_PARK');
  }

  /** After a bridge whose other leg is gone (`park_after_bridge`). */
  afterBridge(): void {
    this.#wait = 'tail';
    this.#channel.publish('CHANNEL_PARK');
  }

  /** For a bridge, a transfer or the end of the call: the completion of `socket` or `park` is told. */
  end(): void {
    const wait = this.#wait;
    this.#wait = undefined;
    if (wait === undefined) return;
    this.#channel.publish('CHANNEL_UNPARK');
    if (wait !== 'tail') publishComplete(this.#channel, wait);
  }

  #begin(application: 'socket' | 'park', data: string): void {
    const wait = { application, data, uuid: newUuid(this.#channel.host.random) };
    this.#wait = wait;
    this.#channel.publish('CHANNEL_EXECUTE', executeFields(wait));
  }
}
