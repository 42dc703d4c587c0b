// What every part of the media server stands on: time, randomness, folders and the log, in one value without globals.
import type { Clock } from '../../../kernel/clock.ts';
import type { Logger } from '../../../kernel/logger.ts';
import type { DtlsIdentity } from '../../../protocol/dtls/handshake.ts';
import type { AudioCodec } from '../../../protocol/sdp/audio.ts';
import type { Capture } from '../../../seal/intake-client.ts';
import type { Speech } from '../sources/speech.ts';
import type { Consoles } from './consoles.ts';
import type { Quirks } from './quirks.ts';

/** What the media server needs of `seal`; an `IntakeClient` is one. */
export interface Intake {
  begin(artifactId: string): Promise<Capture>;
}

export interface MediaHost {
  readonly clock: Clock;
  /** `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
  readonly logger: Logger;
  /** A sentence of ours about what an application did, once a minute. */
  readonly warnSeldom: (sentence: string) => void;
  /** Who watches the log over the event socket. */
  readonly consoles: Consoles;
  readonly soundsFolder: string;
  /** Where `say` finds the words that the sounds folder lacks. */
  readonly wordsFolder: string | undefined;
  /** Paths `<spoolFolder>/<artifactId>.ul` are sealed by `intake` and never become files. */
  readonly spoolFolder: string | undefined;
  readonly intake: Intake | undefined;
  /** Watches over work that nobody awaits: its failure is logged, and closing the server waits for it. */
  readonly supervise: (work: Promise<unknown>) => void;
  /** Whether `unicast` may hand a call's audio to another program of this machine. */
  readonly allowsUnicast: boolean;
  /** Speaks a text; absent where there is no program for it. */
  readonly speech?: Speech | undefined;
  /** What is offered, and taken in this order. */
  readonly codecs: readonly AudioCodec[];
  /** Shown to peers whose keys come by DTLS. */
  readonly dtlsIdentity: DtlsIdentity;
  /** What `global_setvar` set. */
  readonly globals: Map<string, string>;
  readonly quirks: Quirks;
  /** This server's identity in events. */
  readonly coreUuid: string;
  readonly address: string;
}

/** A version 4 UUID (RFC 9562 §5.4). */
export function newUuid(random: (count: number) => Uint8Array): string {
  const bytes = random(16);
  const hex = Array.from(bytes, (byte, i) => {
    const value = i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte;
    return value.toString(16).padStart(2, '0');
  }).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
