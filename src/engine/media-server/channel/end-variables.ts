// What a call leaves in its variables when it ends: cause, times, what was pressed; CHANNEL_HANGUP_COMPLETE carries them (contract §5.6, appendix A).
import { timeStamp } from '../host/event-hub.ts';
import { causeNumber } from './causes.ts';
import type { ChannelFacts } from './event-fields.ts';

export interface CallEnd {
  readonly disposition: 'recv_bye' | 'send_bye';
  readonly digits: string;
  readonly lastApp: string;
}

const SECOND = 1000;

export function endVariables(facts: ChannelFacts, end: CallEnd): Readonly<Record<string, string | number>> {
  const { createdAt, answeredAt, bridgedAt, hungUpAt, hangupCause = 'NORMAL_CLEARING' } = facts;
  const total = Math.max(0, hungUpAt - createdAt);
  const billed = answeredAt === 0 ? 0 : Math.max(0, hungUpAt - answeredAt);
  return {
    hangup_cause: hangupCause,
    hangup_cause_q850: causeNumber(hangupCause),
    digits_dialed: end.digits,
    last_app: end.lastApp,
    sip_term_status: 200,
    sip_hangup_disposition: end.disposition,
    ...stamps('start', createdAt),
    ...stamps('profile_start', createdAt),
    ...stamps('answer', answeredAt),
    ...stamps('bridge', bridgedAt),
    ...stamps('end', hungUpAt),
    ...lengths('', 'duration', total),
    ...lengths('bill', 'billsec', billed),
    ...lengths('wait', 'waitsec', answeredAt === 0 ? total : answeredAt - createdAt),
  };
}

/** A moment as FreeSWITCH's three forms of it; one that never came is 0. */
function stamps(name: string, atMs: number): Readonly<Record<string, string | number>> {
  const stamp = atMs === 0 ? {} : { [`${name}_stamp`]: timeStamp(atMs) };
  return { ...stamp, [`${name}_epoch`]: Math.floor(atMs / SECOND), [`${name}_uepoch`]: atMs * 1000 };
}

/** `duration`, `mduration`, `uduration`; `billsec`, `billmsec`, `billusec`. */
function lengths(prefix: string, whole: string, ms: number): Readonly<Record<string, number>> {
  const names = prefix === '' ? ['mduration', 'uduration'] : [`${prefix}msec`, `${prefix}usec`];
  return { [whole]: Math.round(ms / SECOND), [names[0] ?? '']: ms, [names[1] ?? '']: ms * 1000 };
}
