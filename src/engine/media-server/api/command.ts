// What a command of `api` is, and what it may ask of the server.

import type { Channels } from '../channel/channels.ts';
import type { Dialing } from '../channel/dialing.ts';
import type { Conferences } from '../conference/conferences.ts';
import type { MediaHost } from '../host/host.ts';

export interface ApiContext {
  readonly host: MediaHost;
  readonly channels: Channels;
  readonly conferences: Conferences;
  /** Where INVITEs are taken, `host:port`. */
  readonly sipAddress: string;
  readonly dialer: Dialing;
}

export interface ApiCommand {
  readonly name: string;
  /** Its arguments, as `-USAGE` shows them. */
  readonly usage: string;
  /** What it does, for `help`. */
  readonly about: string;
  /** A blank behind its arguments means something to it. */
  readonly keepsBlank?: boolean;
  readonly run: (args: string, context: ApiContext) => string | Promise<string>;
}

/** Runs a whole line of `api`. */
export type RunApi = (line: string, context: ApiContext) => string | Promise<string>;

export const NO_CHANNEL = '-ERR No such channel!\n';

export function usageOf(usage: string): string {
  return `-USAGE: ${usage}\n`;
}
