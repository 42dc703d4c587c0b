// A vault with many call records, and its comparators with the same: made once, and found again when the benchmark keeps its folder.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newId } from '../../../src/kernel/id.ts';
import type { Cdr } from '../../../src/model/cdr.ts';
import { type Folders, foldersIn, makeVault, newFolders, openVault, sampleCdr } from '../../support/vault-bench.ts';
import { say } from '../figures.ts';
import { type Comparator, openComparators } from './comparators.ts';

const NUMBERS = 5_000;
/** Callers' different names. */
const NAMES = 200_000;
const FIRST = 'ama bel cor dun eli fen gil hal ivo jun kel lor mir nel ori pel quo ros sel tam'.split(' ');
const LAST =
  'bara cade dorn evin fall grim hart isco jorn kett lund mare nost orin pard quill rast storm tarn vane'.split(' ');

/** `kept`: where it is made once and found again; a fresh one in `parent` each time when absent. */
export async function keptCalls(parent: string, count: number, kept?: string): Promise<Folders & Disposable> {
  if (kept === undefined) {
    const folders = newFolders(parent);
    await make(folders, count);
    return folders;
  }
  const folders = foldersIn(join(kept, `calls-${count}`));
  if (!existsSync(folders.root)) {
    const draft = foldersIn(`${folders.root}.making`);
    mkdirSync(dirname(draft.root), { recursive: true });
    await make(draft, count);
    renameSync(draft.root, folders.root);
  }
  return { ...folders, [Symbol.dispose]: () => undefined };
}

export function numberOf(call: number): string {
  return `+1555555${String(call % NUMBERS).padStart(4, '0')}`;
}

/** Plainly made up: two words of two or three syllables. */
export function nameOf(call: number): string {
  const digit = (position: number) => Math.floor((call % NAMES) / FIRST.length ** position) % FIRST.length;
  return `${FIRST[digit(0)]}${LAST[digit(1)]} ${FIRST[digit(2)]}${LAST[digit(3)]}${LAST[digit(4)]}`;
}

export function cdrOf(call: number): Cdr {
  return sampleCdr({ callId: newId<'call'>(), from: numberOf(call), fromName: nameOf(call) });
}

async function make(folders: Folders, count: number): Promise<void> {
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    const begun = performance.now();
    for (let call = 0; call < count; call++) {
      await vault.ask('cdr.put', { cdr: cdrOf(call) });
      if (call % 10_000 === 9_999 && process.stderr.isTTY) process.stderr.write(`\r${call + 1} of ${count} kept`);
    }
    say('call records kept, each its own commit', `${((count / (performance.now() - begun)) * 1000).toFixed(0)} /s`);
  }
  for (const { name, db } of openComparators(folders.root)) {
    say(`  in ${name}`, `${keepAll(db, count).toFixed(0)} /s`, '(comparator)');
    db.close();
  }
}

function keepAll(db: Comparator['db'], count: number): number {
  db.exec(
    'CREATE TABLE calls (seq INTEGER PRIMARY KEY, number TEXT, body TEXT); CREATE INDEX by_number ON calls (number)',
  );
  const insert = db.prepare('INSERT INTO calls (number, body) VALUES (?, ?)');
  const begun = performance.now();
  for (let call = 0; call < count; call++) insert.run(numberOf(call), JSON.stringify(cdrOf(call)));
  return (count / (performance.now() - begun)) * 1000;
}
