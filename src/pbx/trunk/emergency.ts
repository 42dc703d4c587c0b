// An emergency call's surroundings: audited, and the desk told at once by message, or by a call when a phone takes no messages (47 CFR 9.16).
import { codeOf } from '../../kernel/errors.ts';
import type { ContactBinding } from '../../model/binding.ts';
import type { Extension } from '../../model/clinic.ts';
import type { Call } from '../call/call.ts';
import { sayDigits } from '../dialplan/say.ts';
import { prompts } from '../feature/prompts.ts';
import { ringPhone } from '../leg/called-leg.ts';
import { contactTarget } from '../leg/contact-target.ts';

const NOTICE_RING_SECONDS = 45;

/** Tells everybody who is to know; the call itself never waits for any of it. */
export function announceEmergency(call: Call, from: Extension | undefined, address: string): void {
  const { logger, clinic, bindingsOf } = call.services;
  void audit(call, address);
  if (from === undefined) return;
  const { notify } = clinic().emergency;
  const phones = clinic().phones.filter(({ extension }) => notify.includes(extension));
  for (const binding of phones.flatMap(({ username }) => bindingsOf(username))) {
    tellDesk(call, from, binding).catch((error: unknown) => {
      logger.error({ code: codeOf(error), callId: call.id }, 'the desk could not be told of an emergency call');
    });
  }
}

async function audit(call: Call, address: string): Promise<void> {
  const { vault, logger } = call.services;
  const actor = { kind: 'phone', username: call.facts.phone?.username ?? '' } as const;
  const entry = { action: 'emergency-call', actor, address, outcome: 'ok', subject: call.id } as const;
  await vault.ask('audit.put', { entry }).catch((error: unknown) => {
    logger.error({ code: codeOf(error), callId: call.id }, 'an emergency call could not be audited');
  });
}

async function tellDesk(call: Call, from: Extension, binding: ContactBinding): Promise<void> {
  const { uri, nextHop } = contactTarget(binding);
  const status = await call.services.legs.sip.send({
    method: 'MESSAGE',
    uri,
    nextHop,
    headers: { From: '"EMERGENCY" <sip:emergency@localhost>', 'Content-Type': 'text/plain;charset=utf-8' },
    body: `EMERGENCY CALL placed from extension ${from.number} (${from.name}).`,
  });
  if (status < 200 || status > 299) await ringDesk(call, from, binding);
}

async function ringDesk(call: Call, from: Extension, binding: ContactBinding): Promise<void> {
  const { legs, clock } = call.services;
  const attempt = ringPhone(contactTarget(binding), { name: 'EMERGENCY CALL', number: from.number }, legs);
  using _limit = clock.after(NOTICE_RING_SECONDS * 1000, () => attempt.cancel());
  const outcome = await attempt.outcome;
  if ('failed' in outcome) return;
  const leg = await outcome.answered.complete();
  const notice = ['call/emergency-notice.wav', 'voicemail/extension.wav', ...prompts(sayDigits(from.number))];
  try {
    await leg.media.play([...notice, ...notice]);
  } finally {
    await leg.hangUp();
  }
}
