// Calls out by a carrier: the first that can takes it, and emergency calls go out by whatever is there (47 CFR 9.16; promise 9).
import type { CallOutcome } from '../../model/cdr.ts';
import type { E164, Trunk } from '../../model/clinic.ts';
import type { Call } from '../call/call.ts';
import { connect } from '../call/connect.ts';
import { leftOutcome, unansweredOutcome } from '../call/reach.ts';
import { ringAll } from '../call/ring.ts';
import type { AttemptFault, AttemptReason } from '../leg/faults.ts';
import { dialByTrunk } from './trunks.ts';

const RING_SECONDS = 120;
/** A carrier that shows no sign of life for so long is passed over while there is another. */
const PATIENCE_SECONDS = 5;
/** The called party's own word: another carrier would hear the same. */
const FINAL_REASONS: ReadonlySet<AttemptReason> = new Set(['busy', 'no-answer', 'rejected', 'not-found', 'cancelled']);

export interface OutboundCall {
  /** As the carrier is to see it: E.164, or the emergency number. */
  readonly number: string;
  /** Tried in this order. */
  readonly trunks: readonly Trunk[];
  readonly callerIdFor: (trunk: Trunk) => E164;
  readonly isEmergency: boolean;
}

export async function callOut(call: Call, out: OutboundCall): Promise<CallOutcome> {
  let fault: AttemptFault = { reason: 'unreachable' };
  for (const [index, trunk] of out.trunks.entries()) {
    call.step('trunk', trunk.id);
    const attempt = dialByTrunk(trunk, out.number, out.callerIdFor(trunk), call.services.legs);
    const hasMore = index < out.trunks.length - 1;
    const patience = hasMore ? { patienceSeconds: PATIENCE_SECONDS } : {};
    const result = await ringAll(call, [attempt], { seconds: RING_SECONDS, ...patience });
    if ('callerLeft' in result) return leftOutcome(call);
    if ('answered' in result) return await connect(call, result.answered);
    fault = result.unanswered;
    if (FINAL_REASONS.has(fault.reason) && !(out.isEmergency && fault.reason !== 'cancelled')) break;
  }
  return await explain(call, fault);
}

/** A person at a desk phone hears what happened; busy is a tone that the phone makes by itself. */
async function explain(call: Call, fault: AttemptFault): Promise<CallOutcome> {
  const outcome = unansweredOutcome(fault, 'trunk');
  if (fault.reason === 'busy') {
    call.caller.refuse('busy');
    return outcome;
  }
  const words = fault.reason === 'not-found' ? 'call/number-not-in-service.wav' : wordsFor(fault);
  const media = await call.caller.answer();
  await media.play([words]);
  return outcome;
}

function wordsFor({ reason }: AttemptFault): string {
  if (reason === 'no-answer') return 'call/no-answer.wav';
  return reason === 'rejected' ? 'call/cannot-complete.wav' : 'call/trunk-unavailable.wav';
}
