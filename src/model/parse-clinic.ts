// The clinic in YAML, parsed and validated as a whole: either a valid `Clinic`, or every problem at its line.
import { isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { checkClinic } from './check-clinic.ts';
import type { Clinic, Prompt, RecordingPolicy } from './clinic.ts';
import { isCountryCode } from './phone-number.ts';
import { type ReadContext, readDestinationField, readPrompt } from './read-destination.ts';
import { readExtension, readHuntGroup, readMailbox, readPhone, type Secret } from './read-people.ts';
import { readDid, readEmergency, readMenu, readSchedule, readTrunk } from './read-places.ts';
import { type Entry, type Fields, type Problem, YamlReader } from './yaml-fields.ts';

export type { Secret } from './read-people.ts';
export type { Problem } from './yaml-fields.ts';

export type ParsedClinic =
  | { readonly clinic: Clinic /** Phones' passwords that the YAML gives. */; readonly secrets: readonly Secret[] }
  | { readonly problems: readonly Problem[] };

export interface ParseOptions {
  /** The prompt files that there are, as `group/name`; without them only the form of a name is checked. */
  readonly promptFiles?: ReadonlySet<string>;
}

const LONGEST_FILE = 1_000_000;
const MOST_ENTRIES = 5_000;
const RECORDING_NOTICE: Prompt = { file: 'call/recording-notice' };
const SETTINGS = ['name', 'time-zone', 'country-code', 'operator', 'voicemail-number', 'emergency', 'recording'];
const SECTIONS = ['extensions', 'phones', 'mailboxes', 'trunks', 'dids', 'hunt-groups', 'menus', 'schedules'];

/** The clinic that `text` describes. Never throws for anything in `text`. */
export function parseClinicYaml(text: string, options: ParseOptions = {}): ParsedClinic {
  const lines = new LineCounter();
  const reader = new YamlReader(lines);
  if (text.length > LONGEST_FILE) {
    reader.complainAt(0, `the file is longer than ${LONGEST_FILE} characters; a clinic is described in far less.`);
    return { problems: reader.problems };
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
  });
  for (const { pos, message } of document.errors)
    reader.complainAt(pos[0], `this is not YAML here: ${message.split('\n')[0]}.`);
  visit(document, {
    Alias: (_, node) =>
      reader.complain(node, `"*${node.source}" repeats something written elsewhere; write it out here.`),
  });
  if (reader.problems.length > 0) return { problems: reader.problems };
  const root = document.contents ?? undefined;
  if (root === undefined || (isScalar(root) && root.value === '')) {
    reader.complainAt(0, 'the file is empty; begin with config/clinic-template.yaml.');
    return { problems: reader.problems };
  }
  const context: ReadContext = { reader, places: new Map(), promptFiles: options.promptFiles };
  const secrets: Secret[] = [];
  const clinic = readClinic(context, root, secrets);
  checkClinic(clinic, context);
  const problems = reader.problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return problems.length > 0 ? { problems } : { clinic, secrets };
}

function readClinic(context: ReadContext, root: Node, secrets: Secret[]): Clinic {
  const fields = context.reader.fields(root, 'the clinic', [...SETTINGS, ...SECTIONS]);
  const countryCode = readCountryCode(fields);
  const section = (key: string) => readSection(context, fields, key);
  const extensionEntries = section('extensions');
  const mailboxEntries = section('mailboxes');
  const hasMailbox = (number: string) => mailboxEntries.some(({ key }) => key === number);
  const extensions = extensionEntries.map((entry) => readExtension(context, entry, countryCode, hasMailbox(entry.key)));
  const nameOf = (number: string) => extensions.find((extension) => extension.number === number)?.name;
  return {
    name: fields.text('name'),
    timeZone: readTimeZone(fields),
    countryCode,
    operator: readDestinationField(context, fields, 'operator'),
    emergency: readEmergency(
      context,
      subFields(context, fields, 'emergency', ['numbers', 'callback-number', 'notify']),
      countryCode,
    ),
    extensions,
    phones: section('phones').map((entry) => readPhone(context, entry, secrets)),
    mailboxes: mailboxEntries.map((entry) => readMailbox(context, entry, nameOf(entry.key))),
    trunks: section('trunks').map((entry) => readTrunk(context, entry, countryCode)),
    dids: section('dids').map((entry) => readDid(context, entry, countryCode)),
    huntGroups: section('hunt-groups').map((entry) => readHuntGroup(context, entry)),
    menus: section('menus').map((entry) => readMenu(context, entry)),
    schedules: section('schedules').map((entry) => readSchedule(context, entry)),
    recording: readRecording(context, fields),
    voicemailNumber: readVoicemailNumber(fields),
  };
}

function readSection({ reader }: ReadContext, fields: Fields, key: string): Entry[] {
  const entries = reader.entries(fields.node(key), `"${key}"`);
  if (entries.length <= MOST_ENTRIES) return entries;
  fields.complain(key, `"${key}" has more than ${MOST_ENTRIES} entries; one appliance serves one clinic.`);
  return entries.slice(0, MOST_ENTRIES);
}

function subFields({ reader }: ReadContext, fields: Fields, key: string, known: readonly string[]): Fields {
  if (!fields.has(key)) fields.complain(key, `"${key}" is missing; add it with ${known.join(', ')}.`);
  return reader.fields(fields.node(key), key, known, fields.node(key) ?? fields.at);
}

function readCountryCode(fields: Fields): string {
  const code = fields.text('country-code', '1');
  if (isCountryCode(code)) return code;
  fields.complain(
    'country-code',
    `"${code}" is no country code; write it without a plus, such as 1 for North America.`,
  );
  return '1';
}

function readTimeZone(fields: Fields): string {
  const zone = fields.text('time-zone');
  if (zone !== '' && !isTimeZone(zone)) {
    fields.complain('time-zone', `"${zone}" is no time zone; write its region and city, such as America/New_York.`);
  }
  return zone;
}

/** Region and city, so that summer time is right; `EST` and `+05:00` know nothing of it. */
function isTimeZone(zone: string): boolean {
  if (zone !== 'UTC' && !/^[A-Za-z]+\/[A-Za-z_/+-]+$/.test(zone)) return false;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function readRecording(context: ReadContext, fields: Fields): RecordingPolicy {
  if (!fields.has('recording')) return { notice: RECORDING_NOTICE };
  const recording = subFields(context, fields, 'recording', ['notice', 'mask-code', 'pause-code', 'blank-digits']);
  const notice = recording.has('notice')
    ? readPrompt(context, recording.node('notice'), '"notice" of recording', recording.at)
    : RECORDING_NOTICE;
  const maskCode = readCallCode(recording, 'mask-code');
  const pauseCode = readCallCode(recording, 'pause-code');
  if (maskCode !== undefined && maskCode === pauseCode) {
    recording.complain('pause-code', '"mask-code" and "pause-code" are the same; give one of them another.');
  }
  return {
    notice,
    ...(maskCode !== undefined && { maskCode }),
    ...(pauseCode !== undefined && { pauseCode }),
    ...(recording.flag('blank-digits', false) && { blanksDigits: true }),
  };
}

/** Pressed in a call: a star, so that nobody presses it by chance, and digits. */
function readCallCode(fields: Fields, key: string): string | undefined {
  if (!fields.has(key)) return undefined;
  const code = fields.text(key);
  if (/^\*\d{1,4}$/.test(code)) return code;
  fields.complain(key, `"${code}" cannot be pressed in a call; write a star and one to four digits, such as "*91".`);
  return undefined;
}

function readVoicemailNumber(fields: Fields): string {
  const number = fields.text('voicemail-number', '*97');
  if (!/^\*?\d{2,6}$/.test(number)) {
    fields.complain(
      'voicemail-number',
      `"${number}" cannot be dialled; write a star and two digits or more, such as "*97".`,
    );
  }
  return number;
}
