// Reaching people: the phones of an extension, the members of a hunt group, and what the record says when nobody answered.
import type { CallOutcome } from '../../model/cdr.ts';
import type { Extension, ExtensionNumber, HuntGroup } from '../../model/clinic.ts';
import { ringPhone } from '../leg/called-leg.ts';
import { contactTarget } from '../leg/contact-target.ts';
import type { AttemptFault } from '../leg/faults.ts';
import type { Call } from './call.ts';
import { connect } from './connect.ts';
import { ringAll } from './ring.ts';

/** An ending, or why the call goes on to what comes next. */
export type Reached = { readonly outcome: CallOutcome } | { readonly unanswered: AttemptFault };

const MAX_ATTEMPTS_AT_ONCE = 64;

/** Rings every phone of `extension`, and connects who answers. */
export async function reachExtension(call: Call, extension: Extension): Promise<Reached> {
  call.step('extension', extension.number);
  return await ringMembers(call, [extension.number], extension.ringSeconds);
}

export async function reachGroup(call: Call, group: HuntGroup): Promise<Reached> {
  call.step('hunt-group', group.id);
  if (group.strategy === 'simultaneous') return await ringMembers(call, group.members, group.ringSeconds);
  let last: Reached = { unanswered: { reason: 'unreachable' } };
  for (const member of group.members) {
    last = await ringMembers(call, [member], group.ringSeconds);
    if ('outcome' in last) return last;
  }
  return last;
}

/** Rings the phones of those extensions at once; connected until somebody leaves, or on to what comes next. */
async function ringMembers(call: Call, numbers: readonly ExtensionNumber[], seconds: number): Promise<Reached> {
  const bindings = bindingsFor(call, numbers);
  const caller = { name: call.facts.fromName, number: call.facts.from };
  const attempts = bindings.map(({ binding }) => ringPhone(contactTarget(binding), caller, call.services.legs));
  const result = await ringAll(call, attempts, { seconds });
  if ('callerLeft' in result) return { outcome: leftOutcome(call) };
  if ('unanswered' in result) return { unanswered: result.unanswered };
  const { extensions } = call.services.clinic();
  const answering = bindings[result.index]?.extension;
  if (extensions.some(({ number, isRecorded }) => number === answering && isRecorded)) call.markRecorded();
  return { outcome: await connect(call, result.answered) };
}

/** The caller's leg ended while nobody had answered yet, or after a menu or mailbox had: by the caller, or by us when we stop. */
export function leftOutcome(call: Call): CallOutcome {
  const ending = call.caller.ending.cause;
  if (ending?.by === 'engine') return { ended: 'failed', fault: 'appliance' };
  if (call.isAnswered) return { ended: 'answered', by: ending?.by === 'us' ? 'callee' : 'caller' };
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

/** Every contact of those extensions' phones; nobody's own phone rings for their own call. */
function bindingsFor(call: Call, numbers: readonly ExtensionNumber[]) {
  const { clinic, bindingsOf } = call.services;
  const phones = clinic().phones.filter(({ extension }) => numbers.includes(extension));
  return phones
    .filter(({ username }) => username !== call.facts.phone?.username)
    .flatMap(({ username, extension }) => bindingsOf(username).map((binding) => ({ binding, extension })))
    .slice(0, MAX_ATTEMPTS_AT_ONCE);
}
