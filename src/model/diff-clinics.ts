// What an import would change, in lines for the person who is asked and for the audit trail.
import type { Clinic, Destination, Prompt } from './clinic.ts';
import { describeDestination, describePrompt } from './destination-words.ts';

/** A thing of the clinic: its words, and its settings by name, each already in words. */
interface Described {
  readonly title: string;
  readonly settings: ReadonlyMap<string, string>;
}

type Value = string | number | boolean | Destination | Prompt | readonly string[] | undefined;

/** One line for each difference; none when the two are equal. */
export function diffClinics(before: Clinic, after: Clinic): string[] {
  const [old, now] = [describeClinic(before), describeClinic(after)];
  const keys = new Set([...old.keys(), ...now.keys()]);
  return [...keys].flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    if (is === undefined) return [`${was?.title ?? key} removed`];
    return was === undefined ? [`${is.title} added`] : changes(was, is, key);
  });
}

function changes(was: Described, is: Described, key: string): string[] {
  const names = new Set([...was.settings.keys(), ...is.settings.keys()]);
  return [...names].flatMap((name) => {
    const [old, now] = [was.settings.get(name), is.settings.get(name)];
    if (old === now) return [];
    if (now === undefined) return [`${key}: ${name} removed (was ${old})`];
    const verb = name.startsWith('key ') || GOES.has(name) ? 'now goes to' : 'is now';
    return [`${key}: ${name} ${verb} ${now}${old === undefined ? '' : ` (was ${old})`}`];
  });
}

const GOES: ReadonlySet<string> = new Set(['an unanswered call', 'a failed menu', 'a call', 'the operator']);

function describeClinic(clinic: Clinic): Map<string, Described> {
  const things = new Map<string, Described>();
  const add = (key: string, name: string, values: Readonly<Record<string, Value>>) => {
    things.set(key, {
      title: name === '' ? key : `${key} (${name})`,
      settings: inWords({ ...(name === '' ? {} : { name }), ...values }),
    });
  };
  add('clinic', '', clinicSettings(clinic));
  describePeople(clinic, add);
  describePlaces(clinic, add);
  return things;
}

type Add = (key: string, name: string, values: Readonly<Record<string, Value>>) => void;

function clinicSettings(clinic: Clinic): Record<string, Value> {
  const numbers = Object.entries(clinic.emergency.numbers).map(([key, sent]) => [
    `emergency number ${key}`,
    `sent as ${sent}`,
  ]);
  return {
    name: clinic.name,
    'time zone': clinic.timeZone,
    'country code': clinic.countryCode,
    'the operator': clinic.operator,
    'the voicemail number': clinic.voicemailNumber,
    'the emergency callback number': clinic.emergency.callbackNumber,
    'who is told of emergency calls': clinic.emergency.notify,
    'the recording notice': clinic.recording.notice,
    'the code that masks a recording': clinic.recording.maskCode,
    'the code that pauses a recording': clinic.recording.pauseCode,
    'digits in recordings': clinic.recording.blanksDigits,
    ...Object.fromEntries(numbers),
  };
}

function describePeople(clinic: Clinic, add: Add): void {
  for (const { number, name, ringSeconds, onNoAnswer, isRecorded, callerId } of clinic.extensions) {
    add(`extension ${number}`, name, {
      'ring seconds': ringSeconds,
      'an unanswered call': onNoAnswer,
      recorded: isRecorded,
      'caller number': callerId,
    });
  }
  for (const { username, extension, label } of clinic.phones) add(`phone ${username}`, label, { extension });
  for (const { number, name, greeting, maxSeconds } of clinic.mailboxes) {
    add(`mailbox ${number}`, name, { greeting, 'longest message in seconds': maxSeconds });
  }
  for (const { id, name, number, strategy, members, ringSeconds, onNoAnswer } of clinic.huntGroups) {
    const ringing = { number, strategy, members, 'ring seconds': ringSeconds };
    add(`hunt group ${id}`, name, { ...ringing, 'an unanswered call': onNoAnswer });
  }
}

function describePlaces(clinic: Clinic, add: Add): void {
  for (const { id, name, callerId, isSample, ...link } of clinic.trunks) {
    add(`trunk ${id}`, name, { ...link, 'caller number': callerId, sample: isSample });
  }
  for (const { number, name, destination, isRecorded } of clinic.dids) {
    add(`number ${number}`, name, { 'a call': destination, recorded: isRecorded });
  }
  for (const menu of clinic.menus) {
    add(`menu ${menu.id}`, menu.name, {
      prompt: menu.prompt,
      ...Object.fromEntries(Object.entries(menu.choices).map(([key, to]) => [`key ${key}`, to])),
      'dialling extensions': menu.canDialExtensions,
      'timeout seconds': menu.timeoutSeconds,
      'inter-digit seconds': menu.interDigitSeconds,
      attempts: menu.maxAttempts,
      'a failed menu': menu.onFailure,
      'the operator key': menu.operatorKey === '' ? 'none' : menu.operatorKey,
    });
  }
  for (const { id, name, open, closures } of clinic.schedules) {
    const days = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
    const hours = open.map(({ weekday, from, until }) => `${days[weekday]} ${from}-${until}`);
    add(`schedule ${id}`, name, { hours, closures: closures.map((closure) => `${closure.date} ${closure.name}`) });
  }
}

function inWords(values: Readonly<Record<string, Value>>): Map<string, string> {
  const entries = Object.entries(values).map(([key, value]) => [key, words(value)] as const);
  return new Map(entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

function words(value: Value): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return value.length === 0 ? 'none' : value.join(', ');
  return 'to' in value ? describeDestination(value) : describePrompt(value);
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}
