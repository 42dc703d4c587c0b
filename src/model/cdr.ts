// The call detail record: one a call, with one outcome, written when the call ends and never changed.

import type { UtcMs } from '../kernel/clock.ts';
import type { ArtifactId, CallId } from '../kernel/id.ts';

export type CallOutcome =
  | { readonly ended: 'answered'; readonly by: 'caller' | 'callee' }
  | { readonly ended: 'unanswered'; readonly reason: 'busy' | 'no-answer' | 'cancelled' | 'rejected' }
  | {
      readonly ended: 'failed';
      readonly fault: 'caller' | 'callee' | 'trunk' | 'appliance';
      readonly sipStatus?: number;
    };

export type CallDirection = 'inbound' | 'outbound' | 'internal' | 'emergency';

/** One place that the call passed through, in order: `menu main-menu`, `mailbox 1001`. */
export interface CallStep {
  readonly at: UtcMs;
  readonly kind: 'did' | 'menu' | 'extension' | 'hunt-group' | 'mailbox' | 'trunk' | 'prompt' | 'hours';
  readonly name: string;
}

/** How one party's audio came in, over the whole call. */
export interface LegQuality {
  readonly leg: 'caller' | 'callee';
  /** Mean opinion score by the E-model (ITU-T G.107), 1 to 4.5, of what reached us from the party. */
  readonly mos: number;
  readonly lossPercent: number;
  readonly jitterMs?: number;
  /** To the party and back, by its RTCP reports (RFC 3550 §6.4.1). */
  readonly roundTripMs?: number;
  /** The score of what reached the party from us, by its reports. */
  readonly heardMos?: number;
  /** Packets that were cut unread, as more than any party sends; absent when none were. */
  readonly floodedPackets?: number;
}

export interface Cdr {
  readonly callId: CallId;
  readonly direction: CallDirection;
  /** As dialled or presented: an extension or E.164 number; empty when withheld. */
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly startedAt: UtcMs;
  /** When a person, menu or mailbox answered. */
  readonly answeredAt?: UtcMs;
  readonly endedAt: UtcMs;
  readonly steps: readonly CallStep[];
  readonly outcome: CallOutcome;
  /** Recordings and voicemail made during the call. */
  readonly artifacts: readonly ArtifactId[];
  /** Of each party that was spoken to; absent when nothing is known. */
  readonly quality?: readonly LegQuality[];
}
