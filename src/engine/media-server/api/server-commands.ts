// What a person at FreeSWITCH's console or an event-socket program asks of the server itself beside calls: texts, variables, waiting.
import { createHash } from 'node:crypto';
import { expand } from '../../../protocol/event-socket/arguments.ts';
import { globalVariable, setGlobalVariable } from '../channel/global-variables.ts';
import { levelOf } from '../host/consoles.ts';
import { type ApiCommand, type ApiContext, type RunApi, usageOf } from './command.ts';

const LONGEST_SLEEP_MS = 3_000;

const SETVAR_USAGE = '<var>=<value> [=<value2>]';
const UPTIME_USAGE = '[us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]';

/** A constant answer: what is asked for is not here, and FreeSWITCH without it says so. */
const always = (name: string, usage: string, about: string, answer: string): ApiCommand => ({
  name,
  usage,
  about,
  run: () => answer,
});

/** There are none that could come or go. */
const modules = (name: string, usage: string, why: string): ApiCommand => ({
  name,
  usage,
  about: 'Nothing: there are no modules to load',
  run: (given) => (given.trim() === '' ? usageOf(usage) : `-ERR [${why}]\n`),
});

const text = (name: string, about: string, change: (given: string) => string): ApiCommand => ({
  name,
  usage: '<string>',
  about,
  run: change,
});

/** `runApi` runs what a command says in another one. */
export function consoleCommands(runApi: RunApi): readonly ApiCommand[] {
  return [
    { name: 'eval', usage: '[uuid:<uuid> ]<expression>', about: 'Puts variables in', run: evaluate },
    {
      name: 'expand',
      usage: '[uuid:<uuid> ]<cmd> <args>',
      about: 'Runs a command with variables put in',
      run: (line, context) => {
        const whole = evaluate(line, context).trim();
        return whole === '' ? '-ERR No input\n' : runApi(whole, context);
      },
    },
    { name: 'global_setvar', usage: SETVAR_USAGE, about: 'Sets a variable of the server', run: setGlobal },
    { name: 'uptime', usage: UPTIME_USAGE, about: 'Since the start', run: uptime },
    { name: 'log', usage: '<level> <message>', about: 'A line for those who watch the log', run: writeLog },
    text('md5', 'A hash', (given) => (given === '' ? '!err!' : createHash('md5').update(given).digest('hex'))),
    text('toupper', 'In upper case', (given) => given.toUpperCase()),
    text('tolower', 'In lower case', (given) => given.toLowerCase()),
    text('url_encode', 'As in a URL', (given) => encodeURIComponent(given)),
    text('url_decode', 'Out of a URL', decode),
    always('reloadacl', '', 'Nothing: there are no lists', '+OK acl reloaded\n'),
    modules('load', '<mod_name>', 'module load file routine returned an error'),
    modules('unload', '[-f] <mod_name>', 'No such module!'),
    modules('reload', '[-f] <mod_name>', 'No such module!'),
    { name: 'msleep', usage: '<milliseconds>', about: 'Waits, and keeps what follows waiting', run: sleep },
    always('user_exists', '<key> <user> <domain>', 'There is no directory', 'false'),
    always('domain_exists', '<domain>', 'There is no directory', 'false'),
    always('group_call', '<group>[@<domain>]', 'There is no directory', 'error/NO_ROUTE_DESTINATION'),
  ];
}

/** Of a call when one is named, else of the server. */
function evaluate(line: string, { channels, host }: ApiContext): string {
  const [, uuid = '', rest = ''] = /^(?:uuid:(\S+)\s+)?(.*)$/s.exec(line.trim()) ?? [];
  const channel = channels.find(uuid);
  return expand(rest, (name) => channel?.valueOf(name) ?? globalVariable(name, host));
}

function setGlobal(line: string, { host }: ApiContext): string {
  const [, name = '', value = ''] = /^\s*([^=\s]+)\s*(?:=(.*))?$/s.exec(line) ?? [];
  if (name === '') return usageOf(SETVAR_USAGE);
  setGlobalVariable(name, value.trim(), host);
  return '+OK';
}

/** To consoles alone: what a person writes is not known to tell of nobody. */
function writeLog(line: string, { host }: ApiContext): string {
  const [, given = '', message = line] = /^\s*(\S+)\s+(.*)$/s.exec(line) ?? [];
  host.consoles.tell(levelOf(given), message.replaceAll(/[\r\n]+/g, ' '));
  return '+OK\n';
}

function uptime(line: string, { channels }: ApiContext): string {
  const unit = line.trim().toLowerCase();
  const scales: Readonly<Record<string, number>> = {
    us: 0.001,
    ms: 1,
    '': 1000,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  };
  const long: Readonly<Record<string, string>> = {
    microseconds: 'us',
    milliseconds: 'ms',
    seconds: 's',
    minutes: 'm',
    hours: 'h',
    days: 'd',
  };
  const scale = scales[long[unit] ?? unit];
  return scale === undefined ? usageOf(UPTIME_USAGE) : `${Math.floor(channels.uptimeMs / scale)}\n`;
}

function sleep(given: string, { host }: ApiContext): Promise<string> {
  const ms = Math.max(0, Math.min(LONGEST_SLEEP_MS, Number.parseInt(given, 10) || 0));
  return new Promise((resolve) => host.clock.after(ms, () => resolve('+OK')));
}

function decode(given: string): string {
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}
