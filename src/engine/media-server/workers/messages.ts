// What the main thread and a leg worker say to each other: plain data alone; samples and counters are in the leg's slot.
import type { HostPort } from '../../../kernel/ip.ts';
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';

export interface WorkerSetup {
  readonly rtpHost: string;
  /** This worker's part of the range; 0 and 0 lets the system choose. */
  readonly rtpPorts: { readonly first: number; readonly last: number };
}

export interface WorkerData extends WorkerSetup {
  readonly bell: SharedArrayBuffer;
}

export type ToWorker =
  /** A new leg, which shares `slot`. Answered with `opened` or `refused`. */
  | { readonly type: 'open'; readonly leg: number; readonly slot: SharedArrayBuffer }
  | { readonly type: 'configure'; readonly leg: number; readonly session: NegotiatedAudio }
  | { readonly type: 'send-digit'; readonly leg: number; readonly digit: string; readonly durationMs: number }
  | { readonly type: 'close'; readonly leg: number }
  /** Every leg is to be read into its slot. Answered with `heard`. */
  | { readonly type: 'beat' }
  /** What is in the slots is to be sent. */
  | { readonly type: 'say' };

export type FromWorker =
  /** It can take legs. */
  | { readonly type: 'ready' }
  | { readonly type: 'opened'; readonly leg: number; readonly local: HostPort }
  | { readonly type: 'refused'; readonly leg: number; readonly code: string; readonly message: string }
  | { readonly type: 'digit'; readonly leg: number; readonly digit: string; readonly durationTicks: number }
  /** A mistake of ours in one leg: it is closed. */
  | { readonly type: 'failed'; readonly leg: number; readonly code: string }
  | { readonly type: 'heard'; readonly portsInUse: number };
