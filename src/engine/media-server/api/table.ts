// The commands of `api` and `bgapi`, by FreeSWITCH's names and with its replies (contract §1.3, §3, §7.1), in one table.

import { globalVariable } from '../channel/global-variables.ts';
import { conferenceUsage, runConferenceApi } from '../conference/api.ts';
import { newUuid } from '../host/host.ts';
import { HOST_NAME, PROFILE, VERSION } from '../host/identity.ts';
import { type ApiCommand, type ApiContext, usageOf } from './command.ts';
import { consoleComplete } from './console-complete.ts';
import { ORIGINATE } from './originate.ts';
import { scheduledCommands } from './scheduled-commands.ts';
import { consoleCommands } from './server-commands.ts';
import { showApi } from './show.ts';
import { profileStatus, sofiaGateways, sofiaStatus, statusText } from './status-text.ts';
import { CHANNEL_COMMANDS } from './uuid-commands.ts';

const MODULES = 'mod_commands mod_conference mod_dptools mod_event_socket mod_sndfile mod_sofia mod_tone_stream'.split(
  ' ',
);
const HUPALL_DEFAULT = 'MANAGER_REQUEST';

const SERVER_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'conference',
    usage: '<name> <command> [<arguments>]',
    about: 'Commands on conferences; alone it lists them',
    run: (args, { conferences }) => (args.trim() === '' ? conferenceUsage() : runConferenceApi(args, conferences)),
  },
  {
    name: 'console_complete',
    usage: '<line>',
    about: 'What a console shows on TAB',
    keepsBlank: true,
    run: (args, context) => consoleComplete(args, COMMANDS, context),
  },
  { name: 'create_uuid', usage: '', about: 'A new UUID', run: (_args, { host }) => newUuid(host.random) },
  { name: 'echo', usage: '<data>', about: 'Says it back', run: (args) => args },
  {
    name: 'fsctl',
    usage: '[hupall|pause|resume|pause_check|ready_check|shutdown_check|sps|last_sps|max_sessions]',
    about: 'Takes no new calls, takes them again; ends all; limits',
    run: control,
  },
  {
    name: 'global_getvar',
    usage: '<var>',
    about: 'A variable of the server',
    run: (args, { host }) => globalVariable(args.trim(), host) ?? '',
  },
  { name: 'help', usage: '[<command>]', about: 'This list', run: help },
  { name: 'hostname', usage: '', about: 'The name in events', run: () => HOST_NAME },
  {
    name: 'hupall',
    usage: '<cause> [<var> <value>] [<var2> <value2>]',
    about: 'Ends every call, or those with these variables',
    run: hupAll,
  },
  {
    name: 'module_exists',
    usage: '<module>',
    about: 'Whether what a module of FreeSWITCH does is done here',
    run: (args) => (args.trim() === '' ? '' : String(MODULES.includes(args.trim()))),
  },
  ORIGINATE,
  { name: 'reloadxml', usage: '', about: 'Nothing: there is no XML', run: () => '+OK [Success]\n' },
  {
    name: 'show',
    usage: 'channels|calls|bridged_calls|modules|codec|application|api|status [count|like <text>] [as json|xml]',
    about: 'Calls, and what this server can do',
    run: (args, context) => showApi(args, COMMANDS, context),
  },
  { name: 'sofia', usage: 'status [profile <name>|gateway]', about: 'The SIP side', run: sofia },
  { name: 'status', usage: '', about: 'Uptime and load', run: (_args, { channels }) => statusText(channels) },
  { name: 'switchname', usage: '', about: 'The name in events', run: () => HOST_NAME },
  {
    name: 'version',
    usage: '[short]',
    about: 'Whose behaviour this is',
    run: (args) => (args.trim() === 'short' ? `${VERSION}\n` : `FreeSWITCH Version ${VERSION} (64bit)\n`),
  },
];

const COMMANDS: ReadonlyMap<string, ApiCommand> = new Map(
  [...SERVER_COMMANDS, ...consoleCommands(runApi), ...CHANNEL_COMMANDS, ...scheduledCommands(runApi)].map((command) => [
    command.name,
    command,
  ]),
);

/** Runs one command line; the answer is the body of the reply. */
export function runApi(line: string, context: ApiContext): string | Promise<string> {
  const [, name = '', args = ''] = /^\s*(\S+)\s*(.*)$/s.exec(line) ?? [];
  const command = COMMANDS.get(name.toLowerCase());
  return command === undefined
    ? `-ERR ${name} Command not found!\n`
    : command.run(command.keepsBlank === true ? args : args.trimEnd(), context);
}

function help(args: string): string {
  const line = ({ name, usage, about }: ApiCommand) => `${name},${usage},${about},mod_commands\n`;
  const wanted = args.trim();
  if (wanted === '') return `\nValid Commands:\n\n${[...COMMANDS.values()].map(line).sort().join('')}`;
  const command = COMMANDS.get(wanted);
  return command === undefined ? '-ERR No such command\n' : line(command);
}

function sofia(args: string, context: ApiContext): string {
  const [act = '', what, name] = args.trim().split(/\s+/);
  if (act === '') return usageOf('sofia status [profile <name>|gateway]');
  if (act !== 'status') return `Unknown Command [${act}]\n`;
  if (what === 'gateway') return name === undefined ? sofiaGateways() : 'Invalid Gateway!\n';
  if (what !== 'profile') return sofiaStatus(context);
  if (name === undefined) return sofiaGateways();
  return name === PROFILE ? profileStatus(context) : 'Invalid Profile!\n';
}

/** With variables only the calls that have all of them. */
function hupAll(args: string, { channels }: ApiContext): string {
  const [given = HUPALL_DEFAULT, ...words] = args.trim() === '' ? [] : args.trim().split(/\s+/);
  const cause = given === 'NONE' ? HUPALL_DEFAULT : given;
  const wanted: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) wanted.push([words[i] ?? '', words[i + 1] ?? '']);
  for (const channel of channels.list) {
    if (wanted.every(([name, value]) => channel.variables.get(name) === value)) channel.hangup(cause);
  }
  const first = wanted[0];
  if (first === undefined) return `+OK hangup all channels with cause ${cause}\n`;
  const more = wanted.length > 1 ? '...' : '';
  return `+OK hangup all channels matching [${first[0]}]=[${first[1]}]${more} with cause: ${cause}\n`;
}

const FSCTL_USAGE =
  '[hupall|pause [inbound|outbound]|resume [inbound|outbound]|pause_check|ready_check|shutdown_check|sps|last_sps|max_sessions]';
const INVALID = `-ERR Invalid command\nUSAGE: fsctl ${FSCTL_USAGE}\n`;

function control(args: string, context: ApiContext): string {
  const { channels } = context;
  const [act = '', ...rest] = args.trim().split(/\s+/);
  switch (act) {
    case 'hupall':
      return hupAll(rest.join(' '), context);
    case 'pause':
    case 'resume':
      channels.isDraining = act === 'pause';
      return '+OK\n';
    case 'pause_check':
      return String(channels.isDraining);
    case 'ready_check':
      return String(!channels.isDraining);
    case 'shutdown_check':
      return 'false';
    case 'sps':
      return `+OK sessions per second: ${channels.maxPerSecond}\n`;
    case 'last_sps':
      return `+OK last sessions per second: ${channels.perSecond}\n`;
    case 'max_sessions':
      return `+OK max sessions: ${channels.maxChannels}\n`;
    default:
      return act === '' ? usageOf(FSCTL_USAGE) : INVALID;
  }
}
