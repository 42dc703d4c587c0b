// A new INVITE: who calls, by which listener, and where the dial plan sends it. From here on it is one Call with one ending.
import { codeOf } from '../../kernel/errors.ts';
import type { CallOutcome } from '../../model/cdr.ts';
import type { Clinic, Extension, Phone, Slug, Trunk } from '../../model/clinic.ts';
import type { RoutingDecision } from '../dialplan/route.ts';
import { route } from '../dialplan/route.ts';
import { visitMailbox } from '../feature/mailbox.ts';
import { CallerLeg } from '../leg/caller-leg.ts';
import { secureMediaOf } from '../leg/contact-target.ts';
import { isLegEnded } from '../leg/ending.ts';
import type { Refusal } from '../leg/faults.ts';
import { statusOf } from '../leg/faults.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import type { Authenticator } from '../registrar/authenticator.ts';
import { announceEmergency } from '../trunk/emergency.ts';
import { callOut } from '../trunk/outbound.ts';
import { findTrunkBySource } from '../trunk/trunks.ts';
import type { CallFacts } from './call.ts';
import { Call } from './call.ts';
import { follow } from './follow.ts';
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
  const dialled = dialledBy(arrival);
  const decision = route({ from: { phone: username }, dialled }, clinic, services.clock.now());
  if (decision.kind !== 'emergency') {
    // RFC 3261 §22.4 leaves From to policy: a phone speaks for itself alone. Who hides their name reaches 911 all the same.
    if (arrival.from?.uri.user !== username) return arrival.reply(403);
    if (isFull(options)) return arrival.reply(503, { headers: { 'Retry-After': '10' } });
  }
  const caller = new CallerLeg(arrival, secureMediaOf(arrival.listener?.transport ?? 'tls'), services.legs);
  const from = { username, phone, extension, address: arrival.source.host };
  const call = new Call(caller, phoneFacts(dialled, decision, from), services);
  await run(call, options, () => carryOut(call, decision, from));
}

/** What was dialled: the user part, or the whole of `urn:service:sos` (RFC 5031). */
function dialledBy(arrival: SipArrival): string {
  return /^urn:/i.test(arrival.uri) ? arrival.uri : (arrival.dialledUser ?? '');
}

interface CallingPhone {
  readonly username: string;
  readonly phone: Phone | undefined;
  readonly extension: Extension | undefined;
  readonly address: string;
}

function phoneFacts(dialled: string, decision: RoutingDecision, { phone, extension }: CallingPhone): CallFacts {
  const { kind } = decision;
  const direction = kind === 'emergency' ? 'emergency' : kind === 'external' ? 'outbound' : 'internal';
  return {
    direction,
    from: extension?.number ?? '',
    fromName: extension?.name ?? '',
    to: kind === 'external' ? decision.number : dialled,
    ...(phone === undefined ? {} : { phone }),
    isRecorded: extension?.isRecorded === true && (kind === 'external' || kind === 'internal'),
  };
}

async function carryOut(call: Call, decision: RoutingDecision, from: CallingPhone): Promise<CallOutcome> {
  const clinic = call.services.clinic();
  switch (decision.kind) {
    case 'emergency': {
      announceEmergency(call, from.extension, from.address);
      const callerIdFor = () => decision.callbackNumber;
      const trunks = trunksOf(clinic, decision.trunks);
      return await callOut(call, { number: decision.send, trunks, callerIdFor, isEmergency: true });
    }
    case 'external': {
      const callerIdFor = (trunk: Trunk) => decision.callerId ?? trunk.callerId;
      const trunks = trunksOf(clinic, decision.trunks);
      return await callOut(call, { number: decision.number, trunks, callerIdFor, isEmergency: false });
    }
    case 'voicemail-check': {
      const mailbox = clinic.mailboxes.find(({ number }) => number === decision.extension.number);
      return mailbox === undefined ? refuse(call, 'not-found') : await visitMailbox(call, mailbox, from);
    }
    case 'internal':
    case 'did':
      for (const { kind, name } of decision.steps) call.step(kind, name);
      return await follow(call, decision.destination);
    case 'not-found':
      return refuse(call, 'not-found');
    case 'not-allowed':
      return refuse(call, decision.reason === 'no-trunk' ? 'unavailable' : 'forbidden');
  }
}

function trunksOf(clinic: Clinic, ids: readonly Slug[]): Trunk[] {
  return ids.flatMap((id) => clinic.trunks.filter((trunk) => trunk.id === id));
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
  const dialled = arrival.dialledUser ?? '';
  const decision = route({ from: { trunk: trunk.id }, dialled }, clinic, services.clock.now());
  const caller = new CallerLeg(arrival, trunk.srtp, services.legs);
  if (decision.kind !== 'did') {
    // On record: a number that a carrier sends and the import forgot is found in the list of calls.
    const facts = carrierFacts(arrival, { number: shown(dialled), isRecorded: false });
    return await run(new Call(caller, facts, services), options, async (call) => refuse(call, 'not-found'));
  }
  const { did, destination, steps } = decision;
  const call = new Call(caller, carrierFacts(arrival, did), services);
  await run(call, options, () => {
    call.step('did', did.number);
    for (const { kind, name } of steps) call.step(kind, name);
    return follow(call, destination);
  });
}

function carrierFacts(arrival: SipArrival, did: { readonly number: string; readonly isRecorded: boolean }): CallFacts {
  const user = shown(arrival.from?.uri.user ?? '');
  const isWithheld = user === '';
  return {
    direction: 'inbound',
    from: isWithheld ? '' : user,
    fromName: isWithheld ? '' : (arrival.from?.displayName ?? '').slice(0, 80),
    to: did.number,
    isRecorded: did.isRecorded,
  };
}

/** A number as a carrier sent it; nothing when it is none. */
function shown(user: string): string {
  return /^[+0-9*#.-]{1,40}$/.test(user) ? user : '';
}

function isFull({ calls, isDraining }: IncomingOptions): boolean {
  return isDraining() || calls.size >= MAX_CALLS;
}

function refuse(call: Call, refusal: Refusal): CallOutcome {
  call.caller.refuse(refusal);
  return { ended: 'failed', fault: 'caller', sipStatus: statusOf(refusal) };
}

/** Whatever happens inside, the call ends once, its caller is let go, and nothing reaches the process. */
async function run(
  call: Call,
  { calls, services }: IncomingOptions,
  work: (call: Call) => Promise<CallOutcome>,
): Promise<void> {
  calls.add(call);
  try {
    call.end(await work(call));
  } catch (error) {
    call.end(faultOutcome(call, error));
    if (!isLegEnded(error)) services.logger.error({ code: codeOf(error), callId: call.id }, 'a call failed');
  } finally {
    if (call.caller.isAnswered) await call.caller.hangUp();
    else call.caller.refuse('internal');
    await call.recorded();
    calls.delete(call);
  }
}

function faultOutcome(call: Call, error: unknown): CallOutcome {
  if (isLegEnded(error) && call.caller.ending.hasEnded) return leftOutcome(call);
  if (codeOf(error) === 'no-common-audio') return { ended: 'failed', fault: 'caller', sipStatus: 488 };
  return { ended: 'failed', fault: 'appliance' };
}
