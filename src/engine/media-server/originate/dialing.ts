// What `originate` and `bridge` ask of whoever makes calls.
import type { StartApplication } from '../application.ts';
import type { Channel } from '../channel.ts';

/** A channel that was answered, or why there is none. */
export type Dialed = { readonly channel: Channel } | { readonly cause: string };

export interface Dialing {
  /** Every application of a channel, `bridge` among them. */
  readonly applications: ReadonlyMap<string, StartApplication>;
  /** Never rejects. `signal` gives the calls that ring up; `seconds` is how long they may ring. */
  dial(text: string, signal?: AbortSignal, seconds?: number): Promise<Dialed>;
}
