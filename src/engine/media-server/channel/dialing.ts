// What `originate` and `bridge` ask of whoever makes calls.

import type { Settings } from '../../../protocol/event-socket/dial-string.ts';
import type { StartApplication } from './application.ts';
import type { Channel } from './channel.ts';

/** A channel that goes on: answered, or heard already, or ringing where that was asked for; or why there is none. */
export type Dialed = { readonly channel: Channel } | { readonly cause: string };

export interface DialOptions {
  /** Gives the calls that ring up. */
  readonly signal?: AbortSignal;
  /** How long they may ring. */
  readonly seconds?: number | undefined;
  /** What holds where the dial string does not say otherwise. */
  readonly settings?: Settings;
}

export interface Dialing {
  /** Every application of a channel, `bridge` among them. */
  readonly applications: ReadonlyMap<string, StartApplication>;
  /** Never rejects. */
  dial(text: string, options?: DialOptions): Promise<Dialed>;
}
