// The capturing side of the intake: seals audio to the epoch's public key and keeps it, sealed, while the vault restarts.
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { CaptureEncoding } from './intake.ts';

export interface IntakeOptions {
  /** The path of the vault's socket. */
  readonly socket: string;
  readonly token: string;
  readonly clock: Clock;
  /** The role in the hello; `media` unless told otherwise. */
  readonly role?: string;
}

/** One artifact being captured. None of its functions but `end` waits, so that a media loop may call them. */
export interface Capture {
  readonly artifactId: string;
  readonly encoding: CaptureEncoding;
  readonly channels: 1 | 2;
  /**
   * Takes raw audio: µ-law bytes, or 16-bit little-endian samples for L16, channels interleaved. `atSample` counts samples per
   * channel from the recording's start; a gap plays as silence, what overlaps earlier audio is left out. The bytes are copied.
   */
  write(bytes: Uint8Array, atSample: number): void;
  /** Seals and sends the rest; settles when all of it is acknowledged. Rejects `capture-failed`. */
  end(): Promise<void>;
  /** Called once when the audio could not be kept; the recording has failed, the call goes on. */
  onFailure(listener: (reason: string) => void): void;
}

export interface IntakeClient extends Disposable {
  /** @throws WardlineError `artifact-unknown`, `artifact-closed`, `link-closed` */
  begin(artifactId: string): Promise<Capture>;
}

export function connectIntake(_options: IntakeOptions): IntakeClient {
  throw new WardlineError('not-built', 'The intake is being built.');
}
