// `originate` of `api` and `bgapi`: calls somebody, and has the channel that answered run an application or an inline extension.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import { takeSettings } from '../../../protocol/event-socket/dial-string.ts';
import { parseApplication, parseInline, type Step } from '../channel/dialplan.ts';
import { type ApiCommand, type ApiContext, usageOf } from './command.ts';

const USAGE =
  '<call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]';

export const ORIGINATE: ApiCommand = { name: 'originate', usage: USAGE, about: 'Calls somebody', run: originate };

interface Request {
  readonly dialString: string;
  readonly extension: string;
  readonly dialplan: string;
  readonly seconds: number | undefined;
}

async function originate(args: string, { dialer }: ApiContext): Promise<string> {
  const request = parseRequest(args);
  if (request === undefined) return usageOf(USAGE);
  const steps = stepsOf(request);
  // This server has no dialplan but `inline`: nobody is called for an extension that leads nowhere.
  if (steps === undefined) return '-ERR NO_ROUTE_DESTINATION\n';
  const dialed = await dialer.dial(request.dialString, { seconds: request.seconds });
  if ('cause' in dialed) return `-ERR ${dialed.cause}\n`;
  const { channel } = dialed;
  // The answer is told before what the extension does.
  if (!channel.isHungUp) channel.host.clock.after(0, () => channel.run(steps));
  return `+OK ${channel.uuid}\n`;
}

function parseRequest(args: string): Request | undefined {
  const braces = /^\s*\{/.test(args) ? bracesOf(args.trim()) : '';
  const rest = args.trim().slice(braces.length).trim();
  const [, url = '', tail = ''] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
  const application = /^&[^()\s]+(?:\([^)]*\))?(?=\s|$)/.exec(tail)?.[0];
  const words = splitWords(application === undefined ? tail : tail.slice(application.length));
  const [extension, dialplan = 'XML', , name, number, seconds] =
    application === undefined ? words : [application, ...words];
  if (url === '' || extension === undefined || words.length > 6) return undefined;
  const told = { origination_caller_id_name: name, origination_caller_id_number: number };
  const own = Object.entries(told).filter(([, value]) => value !== undefined && value !== 'undef');
  const settings = own.map(([key, value]) => `${key}='${value}'`);
  const all = [...settings, ...(braces === '' ? [] : [braces.slice(1, -1)])].join(',');
  const dialString = all === '' ? url : `{${all}}${url}`;
  return { dialString, extension, dialplan, seconds: Number(seconds) > 0 ? Number(seconds) : undefined };
}

/** `{…}` at the beginning of `text`. */
function bracesOf(text: string): string {
  const { rest } = takeSettings(text, '{}');
  return rest === text ? '' : text.slice(0, text.length - rest.length).trimEnd();
}

function stepsOf({ extension, dialplan }: Request): readonly Step[] | undefined {
  if (extension.startsWith('&')) {
    const step = parseApplication(extension);
    return step && [step];
  }
  const steps = dialplan === 'inline' ? parseInline(extension) : [];
  return steps.length === 0 ? undefined : steps;
}
