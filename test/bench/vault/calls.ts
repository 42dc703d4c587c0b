// Many call records: keeping them, a page of the list, a look-up by number, and opening a vault that holds them all.
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { newId } from '../../../src/kernel/id.ts';
import type { Cdr } from '../../../src/model/cdr.ts';
import { DATABASE_NAME } from '../../../src/vault/database.ts';
import {
  type BenchVault,
  CALLER,
  type Folders,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
} from '../../support/vault-bench.ts';
import { percentile, say } from '../figures.ts';
import { type Comparator, openComparators } from './comparators.ts';

const NUMBERS = 5_000;
const ASKS = 300;
const PAGE = 50;
const LOOKED_UP = 10;

export async function benchCalls(parent: string, count: number): Promise<void> {
  using folders = newFolders(parent);
  await makeVault(folders);
  const comparators = openComparators(folders.root);
  for (const { db } of comparators) createTable(db);
  {
    await using vault = await openVault(folders);
    const begun = performance.now();
    for (let call = 0; call < count; call++) {
      await vault.ask('cdr.put', { cdr: cdrOf(call) });
      if (call % 10_000 === 9_999 && process.stderr.isTTY) process.stderr.write(`\r${call + 1} of ${count} kept`);
    }
    say('call records kept, each its own commit', `${((count / (performance.now() - begun)) * 1000).toFixed(0)} /s`);
    for (const { name, db } of comparators) say(`  in ${name}`, `${keepAll(db, count).toFixed(0)} /s`, '(comparator)');
    await adopted(folders, count);
    await benchPages(vault, comparators, count);
  }
  const opening = performance.now();
  await using vault = await openVault(folders);
  await vault.ask('cdr.put', { cdr: cdrOf(count) });
  const aim = '<= 10 s at 1,000,000';
  say(`opening with ${count} calls, to the first call`, `${((performance.now() - opening) / 1000).toFixed(2)} s`, aim);
  for (const { db } of comparators) db.close();
}

/** Waits until adoption, which runs by itself in small slices, has re-wrapped every key: so pages are read of an older vault. */
async function adopted(folders: Folders, count: number): Promise<void> {
  const begun = performance.now();
  const watcher = new SqliteDatabase(join(folders.dataFolder, DATABASE_NAME), { readonly: true });
  const boxed = watcher.prepare("SELECT EXISTS (SELECT 1 FROM record_keys WHERE form = 'boxed')").pluck();
  while (boxed.get() === 1) await new Promise((resolve) => setTimeout(resolve, 200));
  watcher.close();
  say('keys adopted in the background', `${((count / (performance.now() - begun)) * 1000).toFixed(0)} /s`);
}

function numberOf(call: number): string {
  return `+1555555${String(call % NUMBERS).padStart(4, '0')}`;
}

function cdrOf(call: number): Cdr {
  return sampleCdr({ callId: newId<'call'>(), from: numberOf(call), fromName: `Caller Number ${call}` });
}

function createTable(db: Comparator['db']): void {
  db.exec(
    'CREATE TABLE calls (seq INTEGER PRIMARY KEY, number TEXT, body TEXT); CREATE INDEX by_number ON calls (number)',
  );
}

function keepAll(db: Comparator['db'], count: number): number {
  const insert = db.prepare('INSERT INTO calls (number, body) VALUES (?, ?)');
  const begun = performance.now();
  for (let call = 0; call < count; call++) insert.run(numberOf(call), JSON.stringify(cdrOf(call)));
  return (count / (performance.now() - begun)) * 1000;
}

async function benchPages(vault: BenchVault, comparators: readonly Comparator[], count: number): Promise<void> {
  let after: string | undefined;
  const page = async () => {
    const { next } = await vault.ask('calls.page', {
      caller: CALLER,
      page: { limit: PAGE, ...(after !== undefined && { after }) },
    });
    after = next;
  };
  say(`a page of ${PAGE} calls: median, p99`, await times(page), 'p99 <= 50 ms');
  for (const { name, db } of comparators) {
    const select = db.prepare('SELECT body FROM calls WHERE seq < ? ORDER BY seq DESC LIMIT ?').pluck();
    let before = count + 1;
    const read = async () => {
      for (const body of select.all(before, PAGE)) JSON.parse(body as string);
      before -= PAGE;
    };
    say(`  in ${name}`, await times(read), '(comparator)');
  }
  let asked = 0;
  const lookUp = async () => {
    await vault.ask('calls.page', { caller: CALLER, page: { limit: LOOKED_UP }, number: numberOf(7 * asked++) });
  };
  say(`${LOOKED_UP} calls looked up by number: median, p99`, await times(lookUp), 'p99 <= 10 ms');
  for (const { name, db } of comparators) {
    const select = db.prepare('SELECT body FROM calls WHERE number = ? ORDER BY seq DESC LIMIT ?').pluck();
    const read = async () => {
      for (const body of select.all(numberOf(7 * asked++), LOOKED_UP)) JSON.parse(body as string);
    };
    say(`  in ${name}`, await times(read), '(comparator)');
  }
}

/** Median and p99 of a few hundred, after some that warm. */
async function times(work: () => Promise<void>): Promise<string> {
  const seen: number[] = [];
  for (let ask = 0; ask < ASKS + 20; ask++) {
    const begun = performance.now();
    await work();
    if (ask >= 20) seen.push(performance.now() - begun);
  }
  return `${percentile(seen, 0.5).toFixed(2)} / ${percentile(seen, 0.99).toFixed(2)} ms`;
}
