// The secrets of one run: made at start, handed to processes on their standard input, gone with them.
import { randomBytes } from 'node:crypto';

export const PROCESS_ROLES = ['vault', 'edge', 'media', 'controller'] as const;
export type ProcessRole = (typeof PROCESS_ROLES)[number];
/** Who may connect to a process's socket. */
export type LinkRole = 'main' | 'controller' | 'media' | 'cli';

export interface RunSecrets {
  readonly adminSecret: string;
  readonly eventSocketSecret: string;
  /** By process that listens, the token of each role that may connect. */
  readonly tokens: Readonly<Record<ProcessRole, Readonly<Partial<Record<LinkRole, string>>>>>;
  /** What the command line presents; kept in the runtime folder, mode 0600. */
  readonly cliToken: string;
}

export function makeRunSecrets(random: (bytes: number) => Buffer = randomBytes): RunSecrets {
  const secret = () => random(32).toString('base64url');
  const cliToken = secret();
  return {
    adminSecret: secret(),
    eventSocketSecret: secret(),
    cliToken,
    tokens: {
      vault: { main: secret(), controller: secret(), media: secret(), cli: cliToken },
      edge: { main: secret(), controller: secret(), cli: cliToken },
      media: { main: secret(), controller: secret(), cli: cliToken },
      controller: { main: secret(), cli: cliToken },
    },
  };
}
