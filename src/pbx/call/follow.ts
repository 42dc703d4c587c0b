// Follows destinations, one after another, until the call has its outcome: the dial plan's decisions carried out.
import type { CallOutcome } from '../../model/cdr.ts';
import type { Clinic, Destination } from '../../model/clinic.ts';
import type { ReadyDestination } from '../dialplan/resolve.ts';
import { resolveDestination } from '../dialplan/resolve.ts';
import { runMenu } from '../feature/menu.ts';
import { takeMessage } from '../feature/voicemail.ts';
import type { AttemptFault, Refusal } from '../leg/faults.ts';
import type { Call } from './call.ts';
import { leftOutcome, reachExtension, reachGroup, unansweredOutcome } from './reach.ts';

type Next = { readonly outcome: CallOutcome } | { readonly to: Destination; readonly fault?: AttemptFault };

/** A clinic whose destinations go round in a circle ends here instead of never. */
const MAX_HOPS = 50;

export async function follow(call: Call, first: Destination): Promise<CallOutcome> {
  let destination = first;
  let fault: AttemptFault | undefined;
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    if (call.caller.ending.hasEnded) return leftOutcome(call);
    const ready = resolve(call, destination);
    if (ready.to === 'hang-up') return await letGo(call, fault);
    const next = await takeStep(call, ready);
    if ('outcome' in next) return next.outcome;
    destination = next.to;
    fault = next.fault ?? fault;
  }
  return { ended: 'failed', fault: 'appliance' };
}

/** Through opening hours and the operator, as they are at this moment. */
function resolve(call: Call, destination: Destination): ReadyDestination {
  const { clinic, clock } = call.services;
  const resolved = resolveDestination(destination, clinic(), clock.now());
  for (const { kind, name } of resolved.steps) call.step(kind, name);
  return resolved.destination;
}

async function takeStep(call: Call, destination: Exclude<ReadyDestination, { readonly to: 'hang-up' }>): Promise<Next> {
  const clinic = call.services.clinic();
  switch (destination.to) {
    case 'extension':
      return await toExtension(call, clinic, destination.number);
    case 'hunt-group': {
      const group = clinic.huntGroups.find(({ id }) => id === destination.id);
      if (group === undefined) return missing();
      const reached = await reachGroup(call, group);
      return 'outcome' in reached ? reached : { to: group.onNoAnswer, fault: reached.unanswered };
    }
    case 'menu': {
      const menu = clinic.menus.find(({ id }) => id === destination.id);
      if (menu === undefined) return missing();
      const chosen = await runMenu(call, menu);
      return chosen === undefined ? { outcome: leftOutcome(call) } : { to: chosen };
    }
    case 'mailbox': {
      const mailbox = clinic.mailboxes.find(({ number }) => number === destination.number);
      return mailbox === undefined ? missing() : { outcome: await takeMessage(call, mailbox) };
    }
    case 'prompt': {
      call.step('prompt', 'file' in destination.prompt ? destination.prompt.file : 'spoken');
      const media = await call.answer();
      await media.play([call.services.promptPath(destination.prompt)]);
      return { to: destination.then };
    }
  }
}

async function toExtension(call: Call, clinic: Clinic, number: string): Promise<Next> {
  const extension = clinic.extensions.find((candidate) => candidate.number === number);
  if (extension === undefined) return missing();
  const reached = await reachExtension(call, extension);
  return 'outcome' in reached ? reached : { to: extension.onNoAnswer, fault: reached.unanswered };
}

/** The clinic was changed under the call. */
function missing(): Next {
  return { outcome: { ended: 'failed', fault: 'appliance' } };
}

/** The plan says to hang up: with a farewell after an answer, with the reason otherwise. */
async function letGo(call: Call, fault: AttemptFault | undefined): Promise<CallOutcome> {
  if (call.isAnswered) {
    const words = fault === undefined ? [] : [fault.reason === 'busy' ? 'call/all-busy.wav' : 'call/no-answer.wav'];
    await call.caller.media?.play([...words, 'menu/goodbye.wav']);
    return { ended: 'answered', by: 'callee' };
  }
  call.caller.refuse(refusalFor(fault));
  return fault === undefined ? { ended: 'unanswered', reason: 'rejected' } : unansweredOutcome(fault, 'callee');
}

function refusalFor(fault: AttemptFault | undefined): Refusal {
  if (fault === undefined || fault.reason === 'rejected') return 'declined';
  return fault.reason === 'busy' ? 'busy' : 'no-answer';
}
