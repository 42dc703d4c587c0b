// The boot messages: what the supervisor writes to each process's standard input, one line of JSON; secrets travel here alone.
// Where a process listens, port 0 lets the kernel choose, and `status` tells which.
import type { HostPort } from '../kernel/ip.ts';

interface BootBase {
  /** The 0700 folder on RAM where the processes' sockets are. */
  readonly runtimeFolder: string;
  /** Random per start; who may connect to this process's socket, by role: `main`, `controller`, `media`, `cli`. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  /** Standard error when absent. */
  readonly logFile?: string;
}

export interface VaultBoot extends BootBase {
  readonly dataFolder: string;
  /** The file with the unattended slot's secret, mode 0400. */
  readonly keyFile: string;
  /** `$CREDENTIALS_DIRECTORY` of the unit: a `systemd-credential` slot opens with what is in there. */
  readonly credentialsFolder?: string;
  /** Where signed audit heads are appended; beside the key file. */
  readonly headsFile: string;
  /** Heads go to syslog too. */
  readonly headsToSyslog?: boolean;
  /** RAM-backed; play-out files go to `<spool>/out`. */
  readonly spoolFolder: string;
  /** What the certificates are to name, beside loopback. */
  readonly names?: { readonly hostName: string; readonly addresses: readonly string[] };
  /** For tests: open the service half only, whatever the slot gives. */
  readonly startLocked?: boolean;
}

export interface EdgeListener extends HostPort {
  readonly name: 'phones' | 'carrier' | 'inner';
  readonly transport: 'udp' | 'tcp' | 'tls' | 'wss';
  /** For `wss`: host names of pages that may connect. */
  readonly origins?: readonly string[];
  /** For `tls` and `wss`: whether phones are to show certificates, and whose (PEM). */
  readonly clients?: { readonly mode: 'request' | 'require'; readonly ca: string };
}

export interface EdgeBoot extends BootBase {
  /** drachtio's admin port, loopback. */
  readonly admin: HostPort;
  readonly adminSecret: string;
  readonly listeners: readonly EdgeListener[];
  /** PEM, for the TLS and WSS listeners. */
  readonly tls: { readonly certificate: string; readonly key: string };
}

export interface MediaBoot extends BootBase {
  readonly eventSocket: HostPort;
  readonly eventSocketSecret: string;
  /** Loopback SIP toward the edge. */
  readonly sip: HostPort;
  /** The address that phones and carriers send audio to. */
  readonly rtpHost: string;
  readonly rtpPorts: { readonly first: number; readonly last: number };
  /** Threads that carry audio; 0 keeps it on the main one. One fewer than there are cores when absent. */
  readonly workers?: number;
  /** Codecs offered, in order; G.711 when absent. */
  readonly codecs?: readonly ('PCMU' | 'PCMA' | 'G722' | 'opus')[];
  /** Relative names in playback commands are under this folder. */
  readonly soundsFolder: string;
  readonly spoolFolder: string;
  /** The vault's socket, where audio recorded to `<spool>/<artifactId>.ul` is sealed to, with the role `media`. */
  readonly sealSocket: string;
  readonly sealToken: string;
}

export interface ControllerBoot extends BootBase {
  readonly vaultSocket: string;
  readonly vaultToken: string;
  /** `socket` is the edge's control socket; `token` lets the controller in there. */
  readonly edge: { readonly admin: HostPort; readonly secret: string; readonly socket: string; readonly token: string };
  readonly media: { readonly eventSocket: HostPort; readonly secret: string };
  readonly listeners: readonly EdgeListener[];
  readonly spoolFolder: string;
  readonly soundsFolder: string;
  /** Where the clinic's own spoken prompts are laid out for the media server; on RAM. */
  readonly promptsFolder: string;
  readonly console: HostPort;
  /** The name in the console's URL and certificate. */
  readonly hostName: string;
}
