// Carriers at the boundary: which one a call came from, and how a number is put into an INVITE for one (RFC 3261 §19.1.1, RFC 3325 §9.1).
import type { E164, Trunk } from '../../model/clinic.ts';
import { formatHostPort } from '../../protocol/sip/uri.ts';
import type { Attempt } from '../leg/called-leg.ts';
import { callCarrier } from '../leg/called-leg.ts';
import type { LegContext } from '../leg/leg.ts';
import { isInBlocks } from './address-set.ts';

/** The carrier at that address; calls from elsewhere are nobody's. */
export function findTrunkBySource(trunks: readonly Trunk[], address: string): Trunk | undefined {
  return trunks.find((trunk) => isInBlocks(address, trunk.addresses));
}

/** Calls `number` (E.164, or a short code such as 911) by one carrier, shown as `callerId`. */
export function dialByTrunk(trunk: Trunk, number: string, callerId: E164, context: LegContext): Attempt {
  const place = formatHostPort(trunk.host, trunk.port);
  const transport = trunk.transport === 'udp' ? '' : `;transport=${trunk.transport}`;
  const target = {
    uri: `sip:${encodeURIComponent(number).replace('%2B', '+')}@${place}${transport}`,
    secure: trunk.srtp,
    headers: { 'P-Asserted-Identity': `<sip:${callerId}@localhost>` },
  } as const;
  return callCarrier(target, { name: '', number: callerId }, context);
}
