// The parts of a clinic's YAML about numbers, trunks, menus, hours and emergencies.
import { isIP } from '../kernel/ip.ts';
import type {
  Destination,
  Did,
  EmergencyPlan,
  ExtensionNumber,
  IvrMenu,
  LocalDate,
  LocalTime,
  Schedule,
  Slug,
  Trunk,
  WeeklyHours,
} from './clinic.ts';
import { parseE164 } from './phone-number.ts';
import { type ReadContext, readDestination, readDestinationField, readPrompt } from './read-destination.ts';
import { checkSlug, readE164 } from './read-people.ts';
import type { Entry, Fields } from './yaml-fields.ts';

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
/** These reach emergency services from every phone, whatever the clinic says (47 CFR 9.16: no prefix may be needed). */
export const ALWAYS_EMERGENCY: Readonly<Record<string, string>> = { 911: '911', 9911: '911' };

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
const HOURS = /^((?:[01]\d|2[0-3]):[0-5]\d)\s*-\s*((?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;
const KEYS = /^[0-9*#]{1,4}$/;
const TRUNK_KEYS = ['name', 'addresses', 'host', 'port', 'transport', 'srtp', 'caller-id', 'sample'];
const MENU_KEYS = [
  'name',
  'prompt',
  'keys',
  'dial-extensions',
  'timeout-seconds',
  'inter-digit-seconds',
  'attempts',
  'on-failure',
  'operator-key',
];

export function readTrunk(context: ReadContext, { key, keyNode, value }: Entry, countryCode: string): Trunk {
  checkSlug(context, key, keyNode, 'a trunk');
  const { reader } = context;
  const fields = reader.fields(value, `trunk "${key}"`, TRUNK_KEYS, keyNode);
  const transport = fields.choice('transport', ['udp', 'tcp', 'tls'], 'tls');
  const srtp = fields.choice('srtp', ['required', 'forbidden'], transport === 'tls' ? 'required' : 'forbidden');
  if (srtp === 'required' && transport !== 'tls') {
    fields.complain(
      'srtp',
      `srtp over ${transport} would send the audio keys in clear; set "transport: tls" or "srtp: forbidden".`,
    );
  }
  const host = fields.text('host');
  if (host !== '' && isIP(host) === 0 && !HOST.test(host))
    fields.complain('host', `"${host}" is no host name; write it without "sip:" or a port.`);
  const portFallback = transport === 'tls' ? 5061 : 5060;
  const trunk: Trunk = {
    id: key as Slug,
    name: fields.text('name', key),
    addresses: readAddresses(fields, keyNode),
    host,
    port: fields.integer('port', { from: 1, to: 65_535, fallback: portFallback }),
    transport,
    srtp,
    callerId: readE164(fields, 'caller-id', countryCode),
    isSample: fields.flag('sample', false),
  };
  context.places.set(trunk, keyNode);
  return trunk;
}

function readAddresses(fields: Fields, keyNode: Entry['keyNode']): string[] {
  const { reader, what } = fields;
  const list = fields.node('addresses') ?? keyNode;
  const nodes = fields.has('addresses') ? reader.items(list, `"addresses" of ${what}`) : [];
  if (nodes.length === 0) {
    fields.complain('addresses', '"addresses" is empty; list the addresses that the carrier calls from.');
  }
  return nodes.map((node) => {
    const address = reader.text(node, `an address of ${what}`) ?? '';
    if (!isAddress(address)) {
      reader.complain(node, `"${address}" is no address; write an IP address or a range such as 192.0.2.0/24.`);
    }
    return address;
  });
}

export function readDid(context: ReadContext, { key, keyNode, value }: Entry, countryCode: string): Did {
  const number = parseE164(key, countryCode);
  if (number === undefined) {
    context.reader.complain(
      keyNode,
      `"${key}" is no telephone number; write it with its area code, such as "+1 212 555 0100".`,
    );
  }
  const fields = context.reader.fields(value, `number ${key}`, ['name', 'destination', 'recorded'], keyNode);
  const did: Did = {
    number: number ?? (key as NonNullable<typeof number>),
    name: fields.text('name', number ?? key),
    destination: readDestinationField(context, fields, 'destination'),
    isRecorded: fields.flag('recorded', false),
  };
  context.places.set(did, keyNode);
  return did;
}

export function readMenu(context: ReadContext, { key, keyNode, value }: Entry): IvrMenu {
  checkSlug(context, key, keyNode, 'a menu');
  const { reader } = context;
  const fields = reader.fields(value, `menu "${key}"`, MENU_KEYS, keyNode);
  const operatorKey = readOperatorKey(fields);
  const menu: IvrMenu = {
    id: key as Slug,
    name: fields.text('name', key),
    prompt: readPrompt(context, fields.node('prompt'), `"prompt" of ${fields.what}`, keyNode),
    choices: readChoices(context, fields, operatorKey),
    canDialExtensions: fields.flag('dial-extensions', false),
    timeoutSeconds: fields.integer('timeout-seconds', { from: 1, to: 60, fallback: 5 }),
    interDigitSeconds: fields.integer('inter-digit-seconds', { from: 1, to: 10, fallback: 3 }),
    maxAttempts: fields.integer('attempts', { from: 1, to: 10, fallback: 3 }),
    onFailure: readDestinationField(context, fields, 'on-failure', { to: 'operator' }),
    operatorKey,
  };
  context.places.set(menu, keyNode);
  return menu;
}

function readOperatorKey(fields: Fields): string {
  const key = fields.text('operator-key', '0');
  if (key === 'none') return '';
  if (!/^[0-9*#]$/.test(key)) {
    fields.complain('operator-key', `"${key}" is no key; write one of 0-9, * and #, or none.`);
  }
  return key;
}

function readChoices(context: ReadContext, fields: Fields, operatorKey: string): Record<string, Destination> {
  const { reader, what } = fields;
  const choices = reader.entries(fields.node('keys'), `"keys" of ${what}`).map(({ key, keyNode, value }) => {
    if (!KEYS.test(key)) {
      reader.complain(keyNode, `"${key}" of ${what} cannot be pressed; use 0-9, * and #, four at most.`);
    } else if (key === operatorKey) {
      const fix = 'remove it here, or set "operator-key: none"';
      reader.complain(keyNode, `key ${key} of ${what} already goes to the operator; ${fix}.`);
    }
    return [key, readDestination(context, value, `key ${key} of ${what}`, keyNode)] as const;
  });
  return Object.fromEntries(choices);
}

export function readSchedule(context: ReadContext, { key, keyNode, value }: Entry): Schedule {
  checkSlug(context, key, keyNode, 'a schedule');
  const { reader } = context;
  const fields = reader.fields(value, `schedule "${key}"`, ['name', 'open', 'closures'], keyNode);
  const week = reader.fields(fields.node('open'), `"open" of ${fields.what}`, WEEKDAYS, keyNode);
  const open = WEEKDAYS.flatMap((day, index) =>
    week.has(day) ? readDay(week, day, (index + 1) as WeeklyHours['weekday']) : [],
  );
  const closures = reader.entries(fields.node('closures'), `"closures" of ${fields.what}`).map((entry) => {
    if (!isDate(entry.key))
      reader.complain(entry.keyNode, `"${entry.key}" is no date; write year, month and day, such as 2026-12-25.`);
    const name = reader.text(entry.value, `the name of closure ${entry.key}`, entry.keyNode) ?? '';
    return { date: entry.key as LocalDate, name };
  });
  return { id: key as Slug, name: fields.text('name', key), open, closures };
}

export function readEmergency(context: ReadContext, fields: Fields, countryCode: string): EmergencyPlan {
  const { reader } = context;
  const entries = reader.entries(fields.node('numbers'), '"numbers" of emergency');
  const numbers: Record<string, string> = { ...ALWAYS_EMERGENCY };
  for (const { key, keyNode, value } of entries) {
    const sent = reader.text(value, `what is sent for emergency number ${key}`, keyNode) ?? '';
    const always = ALWAYS_EMERGENCY[key];
    if (!/^\d{2,6}$/.test(key) || !/^\d{2,6}$/.test(sent)) {
      reader.complain(
        keyNode,
        `emergency number "${key}: ${sent}" must be two to six digits on both sides, such as 9911: 911.`,
      );
    } else if (always !== undefined && always !== sent) {
      reader.complain(value, `${key} always reaches ${always}; remove this line or write ${key}: ${always}.`);
    }
    numbers[key] = sent;
  }
  const notifyNodes = fields.has('notify')
    ? reader.items(fields.node('notify') ?? fields.at, '"notify" of emergency')
    : [];
  const notify = notifyNodes.map((node) => (reader.text(node, 'an extension to notify') ?? '') as ExtensionNumber);
  context.places.set(notify, fields.node('notify'));
  return { numbers, callbackNumber: readE164(fields, 'callback-number', countryCode), notify };
}

function readDay(week: Fields, day: string, weekday: WeeklyHours['weekday']): WeeklyHours[] {
  const text = week.text(day, '');
  if (text === '' || text === 'closed') return [];
  const ranges = text.split(',').map((part) => HOURS.exec(part.trim()));
  if (ranges.some((range) => range === null)) {
    week.complain(day, `${day} is "${text}"; write hours such as 08:00-17:00, or 08:00-12:00, 13:00-17:00, or closed.`);
    return [];
  }
  const hours = ranges.map((range) => ({ weekday, from: range![1] as LocalTime, until: range![2] as LocalTime }));
  hours.sort((a, b) => (a.from < b.from ? -1 : 1));
  for (const [index, { from, until }] of hours.entries()) {
    const before = hours[index - 1];
    if (until <= from)
      week.complain(
        day,
        `${day} closes at ${until}, before it opens at ${from}; past midnight, write until 24:00 and the rest on the next day.`,
      );
    else if (before !== undefined && from < before.until)
      week.complain(day, `${day} has hours that overlap at ${from}; write them as one range.`);
  }
  return hours;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isAddress(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
