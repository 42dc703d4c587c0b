// `conference <name> <command> …` by FreeSWITCH's names and with its replies (contract §4.2).
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import { isPlayable } from '../sources/open-source.ts';
import type { Conference } from './conference.ts';
import type { Conferences } from './conferences.ts';
import { describeConference, headOf, listMembers } from './list.ts';
import type { Member } from './member.ts';
import { MEMBER_COMMANDS, type MemberCommand } from './member-commands.ts';

type Command = (conference: Conference, args: readonly string[], conferences: Conferences) => string | undefined;

/** Commands on the conference; undefined asks for its usage. */
const COMMANDS: ReadonlyMap<string, readonly [usage: string, Command]> = new Map([
  ['list', ['list [delim <string>]|[count]', list]],
  ['json_list', ['json_list', (conference) => JSON.stringify([describeConference(conference)])]],
  ['lock', ['lock', (conference) => lock(conference, true)]],
  ['unlock', ['unlock', (conference) => lock(conference, false)]],
  ['play', ['play <file_path> [async|<member_id> [nomux]]', play]],
  ['stop', ['stop <[current|all|async|last]> [<member_id>]', stop]],
  ['recording', ['recording [start|stop|check|pause|resume] [<filename>|all]', recording]],
  ['record', ['record <filename>', (conference, [path]) => path && startRecording(conference, path)]],
  ['norecord', ['norecord <[filename|all]>', (conference, [path]) => path && stopRecording(conference, path)]],
  ['chkrecord', ['chkrecord <confname>', (conference) => checkRecording(conference)]],
  ['pause', ['pause <filename>', (conference, [path]) => path && pauseRecording(conference, path, true)]],
  ['resume', ['resume <filename>', (conference, [path]) => path && pauseRecording(conference, path, false)]],
  ['transfer', ['transfer <conference_name> <member id> [...<member id>]', transfer]],
  ['pin', ['pin <pin#>', (conference, [pin]) => pin && setPin(conference, pin)]],
  ['nopin', ['nopin', (conference) => setPin(conference, '')]],
  ['enter_sound', ['enter_sound on|off|none|file <filename>', (conference, args) => sound(conference, 'enter', args)]],
  ['exit_sound', ['exit_sound on|off|none|file <filename>', (conference, args) => sound(conference, 'exit', args)]],
  ['get', ['get <parameter-name>', get]],
  ['set', ['set <max_members|sound_prefix|caller_id_name|caller_id_number|endconference_grace_time> <value>', set]],
  ['relate', ['relate <member_id>[,<member_id>] <other_member_id>[,<other_member_id>] [nospeak|nohear|clear]', relate]],
  ['gettag', ['gettag <tag> [nomatch]', getTag]],
]);

const TARGETS = '[member_id|all]|last|non_moderator';

export function runConferenceApi(line: string, conferences: Conferences): string {
  const [name = '', spelt = '', ...args] = splitWords(line);
  const command = spelt.toLowerCase();
  if (name === '' || name === 'list') return listAll(conferences);
  if (name === 'json_list') return JSON.stringify(conferences.list.map(describeConference));
  const conference = conferences.find(name);
  if (conference === undefined) return `-ERR Conference ${name} not found\n`;
  if (command === '') return "Conference command, not specified.\nTry 'help'\n";
  const known = COMMANDS.get(command);
  if (known !== undefined) return known[1](conference, args, conferences) || known[0];
  const onMember = MEMBER_COMMANDS.get(command);
  if (onMember === undefined) return `-ERR Conference command '${spelt}' not found.\n`;
  return forMembers(conference, onMember, args) ?? `${command} <${TARGETS}> [<value>]`;
}

/** What `conference` alone prints. */
export function conferenceUsage(): string {
  const onMembers = [...MEMBER_COMMANDS.keys()].map((name) => `${name} <${TARGETS}> [<value>]`);
  return [...COMMANDS.values()]
    .map(([usage]) => usage)
    .concat(onMembers)
    .sort()
    .map((line) => `<conf name> ${line}\n`)
    .join('');
}

function listAll(conferences: Conferences): string {
  if (conferences.list.length === 0) return '+OK No active conferences.\n';
  return conferences.list.map((conference) => headOf(conference) + listMembers(conference)).join('');
}

/** Undefined asks for the command's usage. */
function forMembers(conference: Conference, act: MemberCommand, args: readonly string[]): string | undefined {
  const [target = '', value] = args;
  const all = conference.members;
  const acted = (members: readonly Member[]) => members.map((member) => act(member, value) ?? '').join('') || undefined;
  if (target === 'all') return acted(all);
  if (target === 'non_moderator') {
    const skipped = ({ id }: Member) => `Skipping moderator (member id ${id}).\n`;
    return all.map((member) => (member.flags.isModerator ? skipped(member) : (act(member, value) ?? ''))).join('');
  }
  const id = target === 'last' ? all.at(-1)?.id : Number.parseInt(target, 10);
  if (id === undefined || Number.isNaN(id) || id === 0) return undefined;
  const member = conference.find(id);
  return member === undefined ? `-ERR Non-Existant ID ${id}\n` : act(member, value);
}

function list(conference: Conference, [what, separator]: readonly string[]): string {
  // FreeSWITCH prints the bare number.
  if (what === 'count') return String(conference.size);
  return listMembers(conference, what === 'delim' ? separator : undefined);
}

function lock(conference: Conference, isLocked: boolean): string {
  conference.isLocked = isLocked;
  conference.tell(isLocked ? 'lock' : 'unlock');
  return `+OK ${conference.name} ${isLocked ? 'locked' : 'unlocked'}\n`;
}

/** Without the others' ids it lists what is set. */
function relate(conference: Conference, args: readonly string[]): string | undefined {
  const [members = '', others, how = ''] = args;
  if (others === undefined) return listRelations(conference, Number.parseInt(members, 10) || 0);
  const [isNospeak, isNohear] = [how.includes('nospeak'), how.includes('nohear')];
  if (how !== 'clear' && !isNospeak && !isNohear) return undefined;
  return members
    .split(',')
    .flatMap((member) => others.split(',').map((other) => [Number(member), Number(other)] as const))
    .map(([member, other]) => {
      const isKnown =
        conference.find(member) !== undefined && (how === 'clear' || conference.find(other) !== undefined);
      if (how === 'clear') {
        if (!isKnown) return `-ERR relationship ${member}->${other} not found.\n`;
        conference.relations.clear(member, other);
        return `+OK relationship ${member}->${other} cleared.\n`;
      }
      const relation = { member, other, canSpeak: !isNospeak, canHear: !isNohear };
      return isKnown && conference.relations.set(relation) ? `+OK ${member}->${other} ${how} set\n` : '-ERR error!\n';
    })
    .join('');
}

function listRelations({ relations }: Conference, member: number): string {
  if (relations.isEmpty) return '+OK No relationships\n';
  const lines = relations.of(member).map(({ member: id, other, canSpeak, canHear }) => {
    return `${id} -> ${other} ${canSpeak ? 'SPEAK' : 'NOSPEAK'} ${canHear ? 'HEAR' : 'NOHEAR'} SENDVIDEO \n`;
  });
  return lines.join('');
}

function play(conference: Conference, [file, target]: readonly string[]): string | undefined {
  if (file === undefined) return undefined;
  const { host } = conference;
  if (!isPlayable(file, host.soundsFolder)) return `-ERR (play) File: ${file} not found.\n`;
  if (target === undefined || target === 'async') {
    if (!conference.files.add(file, conference.rate)) return `-ERR (play) File: ${file} not found.\n`;
    conference.tell('play-file', undefined, [
      ['File', file],
      ['Async', String(target === 'async')],
    ]);
    return `+OK (play) Playing file ${file}\n`;
  }
  const member = conference.find(Number(target));
  if (member === undefined) return `-ERR Member: ${target} not found.\n`;
  member.files.add(file, conference.rate);
  conference.tell('play-file-member', member, [['File', file]]);
  return `+OK (play) Playing file ${file} to member ${member.id}\n`;
}

function stop(conference: Conference, [what = 'all', target]: readonly string[]): string | undefined {
  const files = target === undefined ? conference.files : conference.find(Number(target))?.files;
  if (files === undefined) return `-ERR Member: ${target} not found.\n`;
  return `+OK Stopped ${files.stop(what === 'all', conference.rate)} files.\n`;
}

function recording(conference: Conference, [act, path = '']: readonly string[]): string | undefined {
  if (act === 'check') return checkRecording(conference);
  if (path === '') return undefined;
  if (act === 'start') return startRecording(conference, path);
  if (act === 'stop') return stopRecording(conference, path);
  return act === 'pause' || act === 'resume' ? pauseRecording(conference, path, act === 'pause') : undefined;
}

function startRecording(conference: Conference, path: string): string {
  if (conference.recordingPaths.includes(path)) return `-ERR file [${path}] is already being used for recording.\n`;
  return conference.startRecording(path) ? `+OK Record file ${path}\n` : `-ERR Cannot record file ${path}\n`;
}

function stopRecording(conference: Conference, path: string): string {
  const stopped = (path === 'all' ? conference.recordingPaths : [path]).filter((each) =>
    conference.stopRecording(each),
  );
  if (stopped.length === 0 && path !== 'all') return `-ERR non-existant recording '${path}'\n`;
  const lines = stopped.map((each) => `Stopped recording file ${each}\n`).join('');
  return `${lines}+OK Stopped recording ${stopped.length} file${stopped.length === 1 ? '' : 's'}\n`;
}

function pauseRecording(conference: Conference, path: string, isPaused: boolean): string {
  if (!conference.pauseRecording(path, isPaused)) return `-ERR non-existant recording '${path}'\n`;
  return `+OK ${isPaused ? 'Pause' : 'Resume'} recording file ${path}\n`;
}

function checkRecording(conference: Conference): string {
  const lines = conference.recordingPaths.map((path) => `+OK Record file ${path}\n`);
  return lines.length === 0 ? '-ERR Conference is not being recorded.\n' : lines.join('');
}

function transfer(conference: Conference, args: readonly string[], conferences: Conferences): string | undefined {
  const [place, ...ids] = args;
  if (place === undefined || ids.length === 0) return undefined;
  const [name = '', profile] = place.split('@');
  return ids.map((id) => move(conference, conferences, name, profile, id)).join('');
}

function move(
  from: Conference,
  conferences: Conferences,
  name: string,
  profile: string | undefined,
  id: string,
): string {
  const member = from.find(Number(id));
  if (member === undefined) return `-ERR No Member ${id} in conference ${from.name}.\n`;
  const to = conferences.open(name, profile);
  if (to === undefined) return `-ERR No Member ${id} in conference ${from.name}.\n`;
  from.tell('transfer', member, [
    ['Old-Conference-Name', from.name],
    ['New-Conference-Name', name],
  ]);
  to.adopt(member);
  return `+OK Member '${member.id}' sent to conference ${name}.\n`;
}

function setPin(conference: Conference, pin: string): string {
  conference.pin = pin;
  // The PIN itself stays out of answers, which may be logged.
  return `+OK Pin for conference ${conference.name} ${pin === '' ? 'deleted' : 'set'}\n`;
}

function sound(conference: Conference, which: 'enter' | 'exit', [act, file]: readonly string[]): string | undefined {
  if (act === 'off' || act === 'none') conference.setSound(which, '');
  else if (act === 'on') conference.setSound(which, undefined);
  else if (act === 'file' && file !== undefined) conference.setSound(which, file);
  else return undefined;
  const state = act === 'file' ? `sound file set to ${file}` : `sounds ${act === 'on' ? 'on' : 'off'}`;
  return `+OK ${conference.name} ${which} ${state}\n`;
}

function get(conference: Conference, [what]: readonly string[]): string | undefined {
  switch (what) {
    case 'run_time':
      return String(Math.floor((conference.host.clock.monotonic() - conference.startedAt) / 1000));
    case 'count':
      return String(conference.size);
    case 'count_ghosts':
      return String(conference.members.length - conference.size);
    case 'max_members':
      return String(conference.maxMembers);
    case 'rate':
      return String(conference.rate);
    case 'profile_name':
      return conference.profile;
    case 'uuid':
      return conference.uuid;
    case 'is_locked':
      return conference.isLocked ? 'locked' : '-ERR no reply\n';
    default:
      return undefined;
  }
}

/** Answers the value before, as FreeSWITCH does. */
function set(conference: Conference, [what, value]: readonly string[]): string | undefined {
  if (what !== 'max_members' || value === undefined || !/^\d{1,6}$/.test(value)) return undefined;
  const before = conference.maxMembers;
  conference.maxMembers = Number(value);
  return String(before);
}

/** Of the patched mod_conference in the production image: members whose `conference_tag` is, or is not, this one. */
function getTag(conference: Conference, [tag, how]: readonly string[]): string | undefined {
  if (tag === undefined) return undefined;
  const isMatch = ({ channel }: Member) => channel.variables.get('conference_tag') === tag;
  const found = conference.members.filter((member) => isMatch(member) !== (how === 'nomatch'));
  return found.length === 0 ? '-ERR no reply\n' : found.map(({ id }) => id).join(',');
}
