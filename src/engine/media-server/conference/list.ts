// What `conference … list` and `json_list` print, in FreeSWITCH's columns; names and numbers of callers stay out.
import type { Conference } from './conference.ts';
import type { Member } from './member.ts';

export function listMembers(conference: Conference, separator = ';'): string {
  return conference.members.map((member) => lineOf(member, separator)).join('');
}

/** id;channel;uuid;caller name;caller number;flags;volume in;volume out;energy */
function lineOf(member: Member, separator: string): string {
  const { channel, id, volumeIn, volumeOut, energyLevel } = member;
  return `${[id, channel.facts().name, channel.uuid, 'unknown', '', flagsOf(member), volumeIn, volumeOut, energyLevel].join(separator)}\n`;
}

/** One line for `conference list`. */
export function headOf(conference: Conference): string {
  const { name, size, rate, isLocked, isWaiting, recordingPaths } = conference;
  const flags = [
    isLocked ? 'locked' : '',
    isWaiting ? 'wait_mod' : '',
    'running|answered|enforce_min|dynamic|exit_sound|enter_sound',
    recordingPaths.length > 0 ? 'recording' : '',
    'json_status',
  ];
  const count = `${size} member${size === 1 ? '' : 's'}`;
  const said = flags.filter((flag) => flag !== '').join('|');
  return `+OK Conference ${name} (${count} rate: ${rate}${isLocked ? ' locked' : ''} flags: ${said})\n`;
}

function flagsOf(member: Member): string {
  const flags = [
    member.isDeaf ? '' : 'hear',
    member.isMuted ? '' : 'speak',
    member.isTalking ? 'talking' : '',
    member.flags.isModerator ? 'moderator' : '',
    member.flags.isGhost ? 'ghost' : '',
  ];
  return flags.filter((flag) => flag !== '').join('|');
}

export function describeConference(conference: Conference): object {
  const { name, size, rate, uuid, isLocked, startedAt, host, members } = conference;
  return {
    conference_name: name,
    member_count: size,
    ghost_count: members.length - size,
    rate,
    run_time: Math.floor((host.clock.monotonic() - startedAt) / 1000),
    conference_uuid: uuid,
    locked: isLocked,
    members: members.map((member) => ({
      type: 'caller',
      id: member.id,
      uuid: member.channel.uuid,
      flags: {
        can_hear: !member.isDeaf,
        can_speak: !member.isMuted,
        talking: member.isTalking,
        end_conference: member.flags.isEndconf,
        is_moderator: member.flags.isModerator,
        is_ghost: member.flags.isGhost,
      },
      volume_in: member.volumeIn,
      volume_out: member.volumeOut,
      energy: member.energyLevel,
    })),
  };
}
