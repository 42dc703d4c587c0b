// The parts of a clinic's YAML about people and devices: extensions, phones, mailboxes and hunt groups.
import type { Destination, Extension, ExtensionNumber, HuntGroup, Mailbox, Phone, Slug } from './clinic.ts';
import { parseE164 } from './phone-number.ts';
import { isExtensionNumber, isSlug, type ReadContext, readDestinationField, readPrompt } from './read-destination.ts';
import type { Entry, Fields } from './yaml-fields.ts';

export interface Secret {
  readonly username: string;
  readonly password: string;
}

export const SECTION_KEYS = {
  extension: ['name', 'ring-seconds', 'on-no-answer', 'recorded', 'caller-id'],
  phone: ['extension', 'label', 'password'],
  mailbox: ['name', 'greeting', 'max-seconds'],
  huntGroup: ['name', 'number', 'strategy', 'members', 'ring-seconds', 'on-no-answer'],
} as const;

const RING = { from: 5, to: 300, fallback: 20 };
const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const SHORTEST_PASSWORD = 12;

export function readExtension(
  context: ReadContext,
  { key, keyNode, value }: Entry,
  countryCode: string,
  ownMailbox: boolean,
): Extension {
  checkNumber(context, key, keyNode, 'an extension');
  const fields = context.reader.fields(value, `extension ${key}`, SECTION_KEYS.extension, keyNode);
  const fallback: Destination = ownMailbox ? { to: 'mailbox', number: key as ExtensionNumber } : { to: 'hang-up' };
  const extension: Extension = {
    number: key as ExtensionNumber,
    name: fields.text('name'),
    ringSeconds: fields.integer('ring-seconds', RING),
    onNoAnswer: readDestinationField(context, fields, 'on-no-answer', fallback),
    isRecorded: fields.flag('recorded', false),
    ...(fields.has('caller-id') ? { callerId: readE164(fields, 'caller-id', countryCode) } : {}),
  };
  context.places.set(extension, keyNode);
  return extension;
}

export function readPhone(context: ReadContext, { key, keyNode, value }: Entry, secrets: Secret[]): Phone {
  if (!USERNAME.test(key)) {
    context.reader.complain(
      keyNode,
      `"${key}" is no phone's user name; use letters, digits, dots and hyphens, 63 at most.`,
    );
  }
  const fields = context.reader.fields(value, `phone ${key}`, SECTION_KEYS.phone, keyNode);
  if (fields.has('password')) {
    const password = fields.text('password', '');
    if (password.length < SHORTEST_PASSWORD) {
      fields.complain(
        'password',
        `its password is shorter than ${SHORTEST_PASSWORD} characters; leave it out and one is made.`,
      );
    }
    secrets.push({ username: key, password });
  }
  const phone = {
    username: key,
    extension: fields.text('extension') as ExtensionNumber,
    label: fields.text('label', key),
  };
  context.places.set(phone, fields.node('extension') ?? keyNode);
  return phone;
}

export function readMailbox(
  context: ReadContext,
  { key, keyNode, value }: Entry,
  extensionName: string | undefined,
): Mailbox {
  checkNumber(context, key, keyNode, 'a mailbox');
  const fields = context.reader.fields(value, `mailbox ${key}`, SECTION_KEYS.mailbox, keyNode);
  const mailbox: Mailbox = {
    number: key as ExtensionNumber,
    name: fields.text('name', extensionName ?? `Mailbox ${key}`),
    ...(fields.has('greeting')
      ? { greeting: readPrompt(context, fields.node('greeting'), `the greeting of mailbox ${key}`, keyNode) }
      : {}),
    maxSeconds: fields.integer('max-seconds', { from: 10, to: 1800, fallback: 180 }),
  };
  context.places.set(mailbox, keyNode);
  return mailbox;
}

export function readHuntGroup(context: ReadContext, { key, keyNode, value }: Entry): HuntGroup {
  checkSlug(context, key, keyNode, 'a hunt group');
  const { reader } = context;
  const fields = reader.fields(value, `hunt group "${key}"`, SECTION_KEYS.huntGroup, keyNode);
  const memberNodes = fields.has('members')
    ? reader.items(fields.node('members') ?? keyNode, `"members" of ${fields.what}`)
    : [];
  const members = memberNodes.map((node) => (reader.text(node, `a member of ${fields.what}`) ?? '') as ExtensionNumber);
  if (members.length === 0)
    fields.complain('members', 'it rings nobody; list extensions, such as members: [1001, 1002].');
  memberNodes.forEach((node, index) => {
    if (members.indexOf(members[index]!) !== index)
      reader.complain(node, `${fields.what} rings extension ${members[index]} twice; remove one.`);
  });
  if (fields.has('number'))
    checkNumber(context, fields.text('number'), fields.node('number'), 'the number of a hunt group');
  const group: HuntGroup = {
    id: key as Slug,
    name: fields.text('name', key),
    ...(fields.has('number') ? { number: fields.text('number') as ExtensionNumber } : {}),
    strategy: fields.choice('strategy', ['simultaneous', 'sequential'], 'simultaneous'),
    members,
    ringSeconds: fields.integer('ring-seconds', RING),
    onNoAnswer: readDestinationField(context, fields, 'on-no-answer'),
  };
  context.places.set(group, fields.node('number') ?? keyNode);
  context.places.set(members, fields.node('members'));
  return group;
}

export function readE164(fields: Fields, key: string, countryCode: string): ReturnType<typeof parseE164> & string {
  const text = fields.text(key);
  const number = parseE164(text, countryCode);
  if (number === undefined && text !== '') {
    fields.complain(key, `"${text}" is no telephone number; write it with its area code, such as "+1 212 555 0100".`);
  }
  return number ?? ('' as NonNullable<typeof number>);
}

export function checkSlug(context: ReadContext, key: string, node: Entry['keyNode'], what: string): void {
  if (isSlug(key)) return;
  context.reader.complain(
    node,
    `"${key}" cannot be the name of ${what}; use lower-case letters, digits and hyphens, such as main-menu.`,
  );
}

function checkNumber(context: ReadContext, text: string, node: Entry['keyNode'], what: string): void {
  if (isExtensionNumber(text)) return;
  context.reader.complain(node, `"${text}" cannot be ${what}; use 2 to 6 digits, such as 1001.`);
}
