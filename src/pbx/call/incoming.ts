// A new INVITE: who calls, by which listener, and where the dial plan sends it. From here on it is one Call with one ending.
import { codeOf } from '../../kernel/errors.ts';
import type { CallOutcome } from '../../model/cdr.ts';
import type { Did, Extension, Phone, Trunk } from '../../model/clinic.ts';
import { visitMailbox } from '../feature/mailbox.ts';
import { CallerLeg } from '../leg/caller-leg.ts';
import { secureMediaOf } from '../leg/contact-target.ts';
import { isLegEnded } from '../leg/ending.ts';
import type { Refusal } from '../leg/faults.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import type { Authenticator } from '../registrar/authenticator.ts';
import { announceEmergency } from '../trunk/emergency.ts';
import { callOut } from '../trunk/outbound.ts';
import { findTrunkBySource } from '../trunk/trunks.ts';
import type { CallFacts } from './call.ts';
import { Call } from './call.ts';
import { follow } from './follow.ts';
import type { PhonePlan } from './plan.ts';
import { planForCarrier, planForPhone } from './plan.ts';
import { leftOutcome } from './reach.ts';
import type { CallServices } from './services.ts';

export interface IncomingOptions {
  readonly services: CallServices;
  readonly authenticator: Authenticator;
  /** Calls in progress; the handler adds and removes. */
  readonly calls: Set<Call>;
  /** True while no new calls are taken; emergency calls still are. */
  readonly isDraining: () => boolean;
  /** A call from an address that is no carrier's. */
  readonly onForeign: (source: string) => void;
}

const MAX_CALLS = 500;

/** Takes one INVITE to its end; resolves when the call is over. */
export async function handleInvite(arrival: SipArrival, options: IncomingOptions): Promise<void> {
  if (/;\s*tag=/i.test(arrival.header('To') ?? '')) return arrival.reply(481);
  switch (arrival.listener?.name) {
    case 'phones':
      return await fromPhone(arrival, options);
    case 'carrier':
      return await fromCarrier(arrival, options);
    default:
      return arrival.reply(403);
  }
}

async function fromPhone(arrival: SipArrival, options: IncomingOptions): Promise<void> {
  const { services, authenticator } = options;
  const username = authenticator.authenticate(arrival);
  if (username === undefined) return;
  const clinic = services.clinic();
  const phone = clinic.phones.find((candidate) => candidate.username === username);
  const extension = clinic.extensions.find(({ number }) => number === phone?.extension);
  // RFC 3261 §22.4 leaves From to policy: a phone speaks for itself alone.
  if (phone === undefined || extension === undefined || arrival.from?.uri.user !== username) return arrival.reply(403);
  const dialled = arrival.dialledUser ?? '';
  const plan = planForPhone(dialled, clinic);
  if (plan.kind !== 'emergency' && isFull(options)) return arrival.reply(503, { headers: { 'Retry-After': '10' } });
  const facts = phoneFacts(dialled, plan, phone, extension);
  const caller = new CallerLeg(arrival, secureMediaOf(arrival.listener?.transport ?? 'tls'), services.legs);
  const call = new Call(caller, facts, services);
  await run(call, options, () => runPhonePlan(call, plan, phone, extension, arrival.source.host));
}

function phoneFacts(dialled: string, plan: PhonePlan, phone: Phone, extension: Extension): CallFacts {
  const direction = plan.kind === 'emergency' ? 'emergency' : plan.kind === 'outbound' ? 'outbound' : 'internal';
  return {
    direction,
    from: extension.number,
    fromName: extension.name,
    to: plan.kind === 'outbound' ? plan.number : dialled,
    phone,
    isRecorded: extension.isRecorded && plan.kind !== 'emergency',
  };
}

async function runPhonePlan(
  call: Call,
  plan: PhonePlan,
  phone: Phone,
  extension: Extension,
  address: string,
): Promise<CallOutcome> {
  const { trunks, emergency, mailboxes } = call.services.clinic();
  switch (plan.kind) {
    case 'emergency': {
      announceEmergency(call, extension, address);
      const callerIdFor = () => emergency.callbackNumber;
      return await callOut(call, { number: plan.number, trunks, callerIdFor, isEmergency: true });
    }
    case 'outbound': {
      const callerIdFor = (trunk: Trunk) => extension.callerId ?? trunk.callerId;
      return await callOut(call, { number: plan.number, trunks, callerIdFor, isEmergency: false });
    }
    case 'own-mailbox': {
      const mailbox = mailboxes.find(({ number }) => number === extension.number);
      return mailbox === undefined ? refused(call, 'not-found') : await visitMailbox(call, phone, mailbox, address);
    }
    case 'destination':
      return await follow(call, plan.destination);
    case 'refused':
      return refused(call, plan.refusal);
  }
}

async function fromCarrier(arrival: SipArrival, options: IncomingOptions): Promise<void> {
  const { services, onForeign } = options;
  const clinic = services.clinic();
  const trunk = findTrunkBySource(clinic.trunks, arrival.source.host);
  if (trunk === undefined) {
    onForeign(arrival.source.host);
    return arrival.reply(403);
  }
  if (isFull(options)) return arrival.reply(503, { headers: { 'Retry-After': '10' } });
  const did = planForCarrier(arrival.dialledUser ?? '', clinic);
  if (did === undefined) return arrival.reply(404);
  const caller = new CallerLeg(arrival, trunk.srtp, services.legs);
  const call = new Call(caller, carrierFacts(arrival, did), services);
  await run(call, options, () => {
    call.step('did', did.number);
    return follow(call, did.destination);
  });
}

function carrierFacts(arrival: SipArrival, did: Did): CallFacts {
  const user = arrival.from?.uri.user ?? '';
  const isWithheld = /^anonymous$/i.test(user) || !/^[+0-9*#.-]{1,40}$/.test(user);
  return {
    direction: 'inbound',
    from: isWithheld ? '' : user,
    fromName: isWithheld ? '' : (arrival.from?.displayName ?? '').slice(0, 80),
    to: did.number,
    isRecorded: did.isRecorded,
  };
}

function isFull({ calls, isDraining }: IncomingOptions): boolean {
  return isDraining() || calls.size >= MAX_CALLS;
}

function refused(call: Call, refusal: Refusal): CallOutcome {
  call.caller.refuse(refusal);
  return { ended: 'failed', fault: 'caller' };
}

/** Whatever happens inside, the call ends once, its caller is let go, and nothing reaches the process. */
async function run(call: Call, { calls, services }: IncomingOptions, work: () => Promise<CallOutcome>): Promise<void> {
  calls.add(call);
  try {
    call.end(await work());
  } catch (error) {
    call.end(faultOutcome(call, error));
    if (!isLegEnded(error)) services.logger.error({ code: codeOf(error), callId: call.id }, 'a call failed');
  } finally {
    if (call.caller.isAnswered) await call.caller.hangUp();
    else call.caller.refuse('internal');
    calls.delete(call);
  }
}

function faultOutcome(call: Call, error: unknown): CallOutcome {
  if (isLegEnded(error) && call.caller.ending.hasEnded) return leftOutcome(call);
  if (codeOf(error) === 'no-common-audio') return { ended: 'failed', fault: 'caller', sipStatus: 488 };
  return { ended: 'failed', fault: 'appliance' };
}
