// `conference <name> <command> <member> [<value>]`: what is done to one member, with FreeSWITCH's replies (contract §4.2).
import { DEFAULT_DIGIT_MS } from '../../../protocol/rtp/telephone-event.ts';
import type { Member } from './member.ts';
import { boundedVolume } from './member.ts';

/** Undefined asks for its usage. */
export type MemberCommand = (member: Member, value: string | undefined) => string | undefined;

export const MEMBER_COMMANDS: ReadonlyMap<string, MemberCommand> = new Map<string, MemberCommand>([
  ['mute', (member) => setMute(member, true)],
  ['unmute', (member) => setMute(member, false)],
  ['tmute', (member) => setMute(member, !member.isMuted)],
  ['deaf', (member) => setDeaf(member, true)],
  ['undeaf', (member) => setDeaf(member, false)],
  ['kick', kick],
  ['hup', hangUp],
  ['dtmf', sendDigits],
  ['energy', energy],
  ['agc', agc],
  ['volume_in', (member, value) => volume(member, 'volumeIn', value)],
  ['volume_out', (member, value) => volume(member, 'volumeOut', value)],
]);

function setMute(member: Member, isMuted: boolean): string {
  member.isMuted = isMuted;
  member.conference.tell(isMuted ? 'mute-member' : 'unmute-member', member);
  return `+OK ${isMuted ? 'mute' : 'unmute'} ${member.id}\n`;
}

function setDeaf(member: Member, isDeaf: boolean): string {
  member.isDeaf = isDeaf;
  member.conference.tell(isDeaf ? 'deaf-member' : 'undeaf-member', member);
  return `+OK ${isDeaf ? 'deaf' : 'undeaf'} ${member.id}\n`;
}

function kick(member: Member): string {
  member.conference.kick(member);
  return `+OK kicked ${member.id}\n`;
}

function hangUp(member: Member): string {
  member.conference.tell('hup-member', member);
  member.channel.hangup('NORMAL_CLEARING');
  return `+OK hup ${member.id}\n`;
}

function sendDigits(member: Member, digits: string | undefined): string | undefined {
  if (digits === undefined) return undefined;
  for (const digit of digits) member.channel.leg.sendDigit(digit, DEFAULT_DIGIT_MS);
  member.conference.tell('dtmf-member', member, [['Digits', digits]]);
  return `+OK sent ${digits} to ${member.id}\n`;
}

function energy(member: Member, value: string | undefined): string {
  if (value !== undefined) {
    member.energyLevel = Math.max(0, Math.min(32_767, Number.parseInt(value, 10) || 0));
    member.conference.tell('energy-level-member', member);
  }
  return `Energy ${member.id} = ${member.energyLevel}\n`;
}

function agc(member: Member, value: string | undefined): string {
  const { agc: control } = member;
  if (value === 'up' || value === 'down') control.level += value === 'up' ? 200 : -200;
  else if (value !== undefined) control.level = Number.parseInt(value, 10);
  return `Agc ${member.id} = ${control.level}\n`;
}

function volume(member: Member, which: 'volumeIn' | 'volumeOut', value: string | undefined): string {
  const [name, action] = which === 'volumeIn' ? ['IN', 'volume-in-member'] : ['OUT', 'volume-out-member'];
  if (value !== undefined) {
    member[which] = boundedVolume(Number(value));
    member.conference.tell(action, member);
  }
  return `+OK Volume ${name} ${member.id} = ${member[which]}\n`;
}
