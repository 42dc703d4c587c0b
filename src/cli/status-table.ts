// What `wardline sip status` and `wardline media status` print of a part's status: numbers and our own words, nothing about people.
import type { Json } from '../kernel/canonical.ts';
import { table } from './print.ts';

interface Row {
  readonly what: string;
  readonly value: string;
}

/** One line for each number, those of a group under their group's name: `counters.faults.flood`. */
export function statusTable(status: Json): string {
  return table(rowsOf(status, ''), [
    { title: 'What', value: (row) => row.what },
    { title: 'Now', value: (row) => row.value },
  ]);
}

function rowsOf(value: Json | undefined, name: string): Row[] {
  if (typeof value !== 'object' || value === null) return [{ what: wordsOf(name), value: String(value) }];
  if (Array.isArray(value)) return value.map((each) => ({ what: wordsOf(name), value: placeOf(each) }));
  if ('host' in value) return [{ what: wordsOf(name), value: placeOf(value) }];
  return Object.entries(value).flatMap(([key, each]) => rowsOf(each, name === '' ? key : `${name} ${key}`));
}

/** `waitingConnections` as people write it; a fault's word stays as it is. */
function wordsOf(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`);
}

function placeOf(value: Json): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return String(value);
  const fields = new Map(Object.entries(value));
  const words = ['name', 'transport'].flatMap((key) => fields.get(key) ?? []);
  return [...words, `${fields.get('host')} port ${fields.get('port')}`].join(' ');
}
