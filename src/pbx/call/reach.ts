// Reaching people: the phones of an extension, the members of a hunt group, and what the record says when nobody answered.
import type { CallOutcome } from '../../model/cdr.ts';
import type { Extension, ExtensionNumber, HuntGroup } from '../../model/clinic.ts';
import type { Attempt } from '../leg/called-leg.ts';
import { ringPhone } from '../leg/called-leg.ts';
import { contactTarget } from '../leg/contact-target.ts';
import type { AttemptFault } from '../leg/faults.ts';
import type { Call } from './call.ts';
import { connect } from './connect.ts';
import type { RingResult } from './ring.ts';
import { ringAll } from './ring.ts';

/** An ending, or why the call goes on to what comes next. */
export type Reached = { readonly outcome: CallOutcome } | { readonly unanswered: AttemptFault };

const MAX_ATTEMPTS_AT_ONCE = 64;

/** Rings every phone of `extension`, and connects who answers. */
export async function reachExtension(call: Call, extension: Extension): Promise<Reached> {
  call.step('extension', extension.number);
  if (extension.isRecorded) call.markRecorded();
  return settle(call, await ringAll(call, attemptsFor(call, [extension.number]), { seconds: extension.ringSeconds }));
}

export async function reachGroup(call: Call, group: HuntGroup): Promise<Reached> {
  call.step('hunt-group', group.id);
  if (group.strategy === 'simultaneous') {
    return settle(call, await ringAll(call, attemptsFor(call, group.members), { seconds: group.ringSeconds }));
  }
  let last: AttemptFault = { reason: 'unreachable' };
  for (const member of group.members) {
    const result = await ringAll(call, attemptsFor(call, [member]), { seconds: group.ringSeconds });
    if (!('unanswered' in result)) return settle(call, result);
    last = result.unanswered;
  }
  return { unanswered: last };
}

/** The ringing's result as a step of the call: connected until somebody leaves, or on to what comes next. */
export async function settle(call: Call, result: RingResult): Promise<Reached> {
  if ('callerLeft' in result) return { outcome: leftOutcome(call) };
  if ('unanswered' in result) return { unanswered: result.unanswered };
  return { outcome: await connect(call, result.answered) };
}

/** The caller hung up while nobody had answered yet, or after a menu or mailbox had. */
export function leftOutcome(call: Call): CallOutcome {
  const ending = call.caller.ending.cause;
  if (ending?.by === 'engine') return { ended: 'failed', fault: 'appliance' };
  if (call.isAnswered) return { ended: 'answered', by: 'caller' };
  return { ended: 'unanswered', reason: 'cancelled' };
}

/** The record's word for a call that nobody took. */
export function unansweredOutcome({ reason, sipStatus }: AttemptFault, fault: 'callee' | 'trunk'): CallOutcome {
  if (reason === 'busy' || reason === 'no-answer' || reason === 'rejected' || reason === 'cancelled') {
    return { ended: 'unanswered', reason };
  }
  if (reason === 'unreachable' && fault === 'callee') return { ended: 'unanswered', reason: 'no-answer' };
  return { ended: 'failed', fault, ...(sipStatus === undefined ? {} : { sipStatus }) };
}

/** One attempt for each contact; nobody's own phone rings for their own call. */
function attemptsFor(call: Call, numbers: readonly ExtensionNumber[]): Attempt[] {
  const { clinic, bindingsOf, legs } = call.services;
  const { phone, from, fromName } = call.facts;
  const phones = clinic().phones.filter(({ extension }) => numbers.includes(extension));
  const bindings = phones
    .filter(({ username }) => username !== phone?.username)
    .flatMap(({ username }) => bindingsOf(username));
  return bindings
    .slice(0, MAX_ATTEMPTS_AT_ONCE)
    .map((binding) => ringPhone(contactTarget(binding), { name: fromName, number: from }, legs));
}
