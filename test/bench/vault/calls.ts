// A vault process with many call records: opening it, then its pages, look-ups and searches while it checks, adopts and indexes beside
// them, and at rest; and how long a call's record had to wait for it at worst.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import SqliteDatabase from 'better-sqlite3';
import type { Vault } from '../../../src/vault/contract.ts';
import { DATABASE_NAME } from '../../../src/vault/store/database.ts';
import { CALLER, type Folders } from '../../support/vault-bench.ts';
import { spawnVault, type VaultProcess } from '../../support/vault-process.ts';
import { cpuSeconds, percentile, say } from '../figures.ts';
import { COMPARATORS, type Comparator, openComparator, openComparators } from './comparators.ts';
import { cdrOf, keptCalls, nameOf, numberOf } from './kept-calls.ts';

const ASKS = 300;
const WARMING = 20;
const PAGE = 50;
const LOOKED_UP = 10;
const PROBE_EVERY_MS = 20;
/** What a start's background has done when no thread of it worked for so long. */
const AT_REST_MS = 3_000;

export async function benchCalls(parent: string, count: number, kept: string | undefined): Promise<void> {
  using folders = await keptCalls(parent, count, kept);
  await adopted(folders);
  const process_ = spawnVault(folders);
  const [vault, other] = [process_.connect(), process_.connect()];
  try {
    const opening = performance.now();
    await vault.ask('cdr.put', { cdr: cdrOf(0) });
    const begun = performance.now();
    say(`process start to the first of ${count} calls more`, seconds(begun - opening), '<= 10 s at 1,000,000');
    await benchBackground(process_, vault, other, begun);
    say('at rest', '');
    await benchReads(vault, count);
    await benchComparators(folders, count);
    benchOpening(folders);
  } finally {
    vault[Symbol.dispose]();
    other[Symbol.dispose]();
    await process_.kill();
  }
}

/** Waits until adoption, which runs by itself in small slices, has re-wrapped every key: so records are read of an older vault. */
async function adopted(folders: Folders): Promise<void> {
  const watcher = new SqliteDatabase(join(folders.dataFolder, DATABASE_NAME), { readonly: true });
  const boxed = watcher.prepare("SELECT count(*) FROM record_keys WHERE form = 'boxed'").pluck();
  const count = Number(boxed.get());
  if (count > 0) {
    const process_ = spawnVault(folders);
    const vault = process_.connect();
    await vault.ask('status', {});
    const begun = performance.now();
    while (boxed.get() !== 0) await sleep(200);
    const rate = (count / (performance.now() - begun)) * 1000;
    say(`${count} keys adopted in the background`, `${rate.toFixed(0)} /s`);
    vault[Symbol.dispose]();
    await process_.kill();
  }
  watcher.close();
}

/** From the first call until the start's check of the trail and the search index are done. */
async function benchBackground({ child }: VaultProcess, vault: Vault, other: Vault, begun: number): Promise<void> {
  const waits: number[] = [];
  const isOver = { value: false };
  const probe = async () => {
    while (!isOver.value) {
      const asked = performance.now();
      await other.ask('cdr.put', { cdr: cdrOf(waits.length) });
      waits.push(performance.now() - asked);
      await sleep(PROBE_EVERY_MS);
    }
  };
  const probing = probe();
  probing.catch(() => undefined); // awaited below, unless what comes first fails
  const search = () => vault.ask('search', { caller: CALLER, query: nameOf(77), limit: 10 });
  const searches: number[] = [];
  const pages: number[] = [];
  const lookUps: number[] = [];
  let indexedAt: number | undefined;
  for (let quietSince = performance.now(); performance.now() - quietSince < AT_REST_MS; await sleep(100)) {
    const before = cpuSeconds([child.pid!]);
    pages.push(await timed(() => page(vault)));
    lookUps.push(await timed(() => lookUp(vault, pages.length)));
    if (pages.length % 10 === 0 && indexedAt === undefined) {
      let isComplete = false;
      searches.push(await timed(async () => ({ isComplete } = await search())));
      if (isComplete) indexedAt = performance.now();
    }
    await sleep(300);
    if (indexedAt === undefined || cpuSeconds([child.pid!]) - before > 0.1) quietSince = performance.now();
  }
  isOver.value = true;
  await probing;
  say('the search index is whole after', seconds((indexedAt ?? Number.NaN) - begun), '<= 60 s, 10 s of it a rest');
  say('all background work is done after', seconds(performance.now() - begun - AT_REST_MS));
  say('meanwhile', '');
  say("  keeping a call's record: median, p99", pair(waits));
  say("  the longest that a call's record had to wait", `${Math.max(...waits).toFixed(1)} ms`);
  say(`  a page of ${PAGE} calls: median, p99`, pair(pages), 'p99 <= 50 ms');
  say(`  ${LOOKED_UP} calls looked up by number: median, p99`, pair(lookUps), 'p99 <= 10 ms');
  say('  a search by name: median, worst', pair(searches));
}

async function benchReads(vault: Vault, count: number): Promise<void> {
  let after: string | undefined;
  const next = async () => {
    after = (await page(vault, after)).next;
  };
  say(`  a page of ${PAGE} calls: median, p99`, pair(await times(next)), 'p99 <= 50 ms');
  let asked = 0;
  const numbers = await times(() => lookUp(vault, 7 * asked++));
  say(`  ${LOOKED_UP} calls looked up by number: median, p99`, pair(numbers), 'p99 <= 10 ms');
  const names = await times(() => vault.ask('search', { caller: CALLER, query: nameOf((asked++ * 9973) % count), limit: 10 })); // biome-ignore format: one line
  say('  a search by name: median, p99', pair(names));
}

async function benchComparators(folders: Folders, count: number): Promise<void> {
  for (const { name, db } of openComparators(folders.root)) {
    say(`  in ${name}: a page`, pair(await times(pageOf(db, count))), '(comparator)');
    say(`  in ${name}: by number`, pair(await times(lookUpIn(db))), '(comparator)');
    db.close();
  }
}

/** Their files are in the page cache, and nothing of them is checked. */
function benchOpening({ root }: Folders): void {
  for (const name of COMPARATORS) {
    const begun = performance.now();
    const { db } = openComparator(name, root);
    db.prepare('INSERT INTO calls (number, body) VALUES (?, ?)').run(numberOf(0), JSON.stringify(cdrOf(0)));
    say(`  in ${name}: opened, and one call more`, seconds(performance.now() - begun), '(comparator)');
    db.close();
  }
}

function page(vault: Vault, after?: string) {
  return vault.ask('calls.page', { caller: CALLER, page: { limit: PAGE, ...(after !== undefined && { after }) } });
}

function lookUp(vault: Vault, call: number) {
  return vault.ask('calls.page', { caller: CALLER, page: { limit: LOOKED_UP }, number: numberOf(call) });
}

function pageOf(db: Comparator['db'], count: number): () => Promise<void> {
  const select = db.prepare('SELECT body FROM calls WHERE seq < ? ORDER BY seq DESC LIMIT ?').pluck();
  let before = count + 1;
  return async () => {
    for (const body of select.all(before, PAGE)) JSON.parse(body as string);
    before -= PAGE;
  };
}

function lookUpIn(db: Comparator['db']): () => Promise<void> {
  const select = db.prepare('SELECT body FROM calls WHERE number = ? ORDER BY seq DESC LIMIT ?').pluck();
  let asked = 0;
  return async () => {
    for (const body of select.all(numberOf(7 * asked++), LOOKED_UP)) JSON.parse(body as string);
  };
}

/** Milliseconds of a few hundred, after some that warm. */
async function times(work: () => Promise<unknown>): Promise<number[]> {
  const seen: number[] = [];
  for (let ask = 0; ask < ASKS + WARMING; ask++) {
    const took = await timed(work);
    if (ask >= WARMING) seen.push(took);
  }
  return seen;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function pair(figures: readonly number[]): string {
  return `${percentile(figures, 0.5).toFixed(2)} / ${percentile(figures, 0.99).toFixed(2)} ms`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
