// What a conference's event says of the member that it is about (contract §4.2).
import { basicFields } from '../channel/event-fields.ts';
import type { Fields } from '../host/event-hub.ts';
import type { Member } from './member.ts';

export function memberFields(member: Member): Fields {
  const { channel, flags } = member;
  return [
    ['Floor', String(member.isTalking)],
    ...basicFields(channel.facts()),
    ['Video', 'false'],
    ['Hear', String(!member.isDeaf)],
    ['See', 'true'],
    ['Speak', String(!member.isMuted)],
    ['Talking', String(member.isTalking)],
    ['Mute-Detect', String(flags.detectsWhileMuted)],
    ['Hold', 'false'],
    ['Member-ID', String(member.id)],
    ['Member-Type', flags.isModerator ? 'moderator' : 'member'],
    ['Member-Ghost', String(flags.isGhost)],
    ['Energy-Level', String(member.energyLevel)],
    ['Current-Energy', String(member.energy)],
  ];
}
