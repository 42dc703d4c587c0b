// What holds across a clinic's parts: nothing dangles, no number means two things, and every call ends somewhere.
import type { Node } from 'yaml';
import { isSeq } from 'yaml';
import type { Clinic, Destination } from './clinic.ts';
import { findEndlessChains } from './endless-chains.ts';
import type { ReadContext } from './read-destination.ts';
import { didYouMean } from './suggest.ts';

type Check = (clinic: Clinic, context: ReadContext) => void;

/** Complains of everything at the place that it was written. */
export function checkClinic(clinic: Clinic, context: ReadContext): void {
  const checks: readonly Check[] = [checkReferences, checkDestinations, checkNumbers, checkDids, checkEndings];
  for (const check of checks) check(clinic, context);
}

/** Every destination of the clinic with the words for who sends calls there. */
export function destinationsOf(clinic: Clinic): { destination: Destination; whose: string }[] {
  const roots = [
    { destination: clinic.operator, whose: 'the operator' },
    ...clinic.extensions.map(({ number, onNoAnswer }) => ({ destination: onNoAnswer, whose: `extension ${number}` })),
    ...clinic.huntGroups.map(({ id, onNoAnswer }) => ({ destination: onNoAnswer, whose: `hunt group "${id}"` })),
    ...clinic.dids.map(({ number, destination }) => ({ destination, whose: `number ${number}` })),
    ...clinic.menus.flatMap(({ id, choices, onFailure }) => [
      ...Object.entries(choices).map(([key, destination]) => ({ destination, whose: `key ${key} of menu "${id}"` })),
      { destination: onFailure, whose: `menu "${id}"` },
    ]),
  ];
  return roots.flatMap(({ destination, whose }) => inside(destination).map((each) => ({ destination: each, whose })));
}

function inside(destination: Destination): Destination[] {
  if (destination.to === 'hours') return [destination, ...inside(destination.open), ...inside(destination.closed)];
  if (destination.to === 'prompt') return [destination, ...inside(destination.then)];
  return [destination];
}

function checkReferences(clinic: Clinic, { reader, places }: ReadContext): void {
  const extensions = clinic.extensions.map(({ number }) => number as string);
  const has = (number: string) => number === '' || extensions.includes(number);
  for (const phone of clinic.phones) {
    if (has(phone.extension)) continue;
    reader.complain(
      places.get(phone),
      missing(`phone ${phone.username} belongs to`, `extension ${phone.extension}`, 'extensions'),
    );
  }
  for (const group of clinic.huntGroups) {
    group.members.forEach((member, index) => {
      if (has(member)) return;
      reader.complain(
        item(places.get(group.members), index),
        missing(`hunt group '${group.id}' rings`, `extension ${member}`, 'extensions'),
      );
    });
  }
  clinic.emergency.notify.forEach((number, index) => {
    if (has(number)) return;
    reader.complain(
      item(places.get(clinic.emergency.notify), index),
      missing('emergency notifies', `extension ${number}`, 'extensions'),
    );
  });
}

function checkDestinations(clinic: Clinic, { reader, places }: ReadContext): void {
  const known = {
    extension: clinic.extensions.map(({ number }) => number as string),
    mailbox: clinic.mailboxes.map(({ number }) => number as string),
    menu: clinic.menus.map(({ id }) => id as string),
    'hunt-group': clinic.huntGroups.map(({ id }) => id as string),
    hours: clinic.schedules.map(({ id }) => id as string),
  };
  const sections = {
    extension: 'extensions',
    mailbox: 'mailboxes',
    menu: 'menus',
    'hunt-group': 'hunt-groups',
    hours: 'schedules',
  };
  for (const { destination, whose } of destinationsOf(clinic)) {
    const name = targetOf(destination);
    const kind = destination.to;
    if (name === undefined || name === '' || kind === 'prompt' || kind === 'operator' || kind === 'hang-up') continue;
    if (known[kind].includes(name)) continue;
    const words = `${kind === 'hours' ? 'schedule' : kind} ${name}`;
    reader.complain(
      places.get(destination),
      missing(`${whose} sends calls to`, words, sections[kind], didYouMean(name, known[kind])),
    );
  }
}

function targetOf(destination: Destination): string | undefined {
  if (destination.to === 'hours') return destination.schedule;
  if ('id' in destination) return destination.id;
  return 'number' in destination ? destination.number : undefined;
}

function checkNumbers(clinic: Clinic, { reader, places }: ReadContext): void {
  const taken = new Map<string, string>();
  for (const dialled of Object.keys(clinic.emergency.numbers)) taken.set(dialled, 'an emergency number');
  taken.set(clinic.voicemailNumber, 'the voicemail number');
  const take = (number: string, who: string, place: object) => {
    const other = taken.get(number);
    if (other !== undefined)
      reader.complain(places.get(place), `${who} has the number ${number}, which is ${other}; give it another number.`);
    else taken.set(number, who);
  };
  for (const extension of clinic.extensions) take(extension.number, `extension ${extension.number}`, extension);
  for (const group of clinic.huntGroups)
    if (group.number !== undefined) take(group.number, `hunt group "${group.id}"`, group);
  for (const mailbox of clinic.mailboxes) {
    const other = taken.get(mailbox.number);
    if (other !== undefined && !other.startsWith('extension ') && !other.startsWith('hunt group ')) {
      reader.complain(
        places.get(mailbox),
        `mailbox ${mailbox.number} has the number that is ${other}; give it another number.`,
      );
    }
  }
}

function checkDids(clinic: Clinic, { reader, places }: ReadContext): void {
  const seen = new Set<string>();
  for (const did of clinic.dids) {
    if (seen.has(did.number))
      reader.complain(places.get(did), `the number ${did.number} is given twice under dids; remove one of them.`);
    seen.add(did.number);
  }
}

function checkEndings(clinic: Clinic, { reader, places }: ReadContext): void {
  for (const { path, destination } of findEndlessChains(clinic)) {
    reader.complain(
      places.get(destination),
      `an unanswered call would go round for ever (${path.join(', then ')}); let one of them end in a mailbox or hang-up.`,
    );
  }
}

function missing(who: string, what: string, section: string, hint = ''): string {
  return `${who} ${what}, which does not exist${hint || `; add it under ${section} or remove it here.`}`;
}

function item(list: Node | undefined, index: number): Node | undefined {
  return (isSeq(list) ? (list.items[index] as Node | undefined) : undefined) ?? list;
}
