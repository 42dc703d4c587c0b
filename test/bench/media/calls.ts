// What a recorded, sealed, two-leg SRTP call costs in CPU and memory, and how many of them a core carries before packets are late.
import { setTimeout as delay } from 'node:timers/promises';
import type { NamedServer } from '../../support/named-server.ts';
import { cpuSeconds, residentMb, say } from '../figures.ts';
import type { Report } from './generator.ts';
import { isVoid, Phones, writtenLateness } from './phones.ts';
import { openNamed, openRelay, openWardline, type Subject } from './subjects.ts';

const COST_CALLS = 60;
const MANY_CALLS = 150;
const STEP_CALLS = 25;
const MAX_CALLS = 400;
const TALK_SECONDS = 10;
const SETTLE_SECONDS = 3;
/** What a process does once after its start, as the vault its search index after ten seconds, is no call's cost. */
const AFTER_START_MS = 12_000;
const MAX_P99_MS = 20;
/** A machine that somebody else uses too may void a run; it is made once more. */
const TRIES = 2;

export async function benchCalls(part: 'cost' | 'capacity', freeswitch: NamedServer | undefined): Promise<void> {
  if (part === 'cost') await cost(freeswitch);
  else await capacity(freeswitch);
}

async function cost(freeswitch: NamedServer | undefined): Promise<void> {
  const relay = await costOf(await openRelay());
  const wardline = await costOf(await openWardline());
  say('wardline, as a ratio to the bare relay', (wardline / relay).toFixed(2), '<= 2');
  if (freeswitch === undefined) return;
  const named = await costOf(await openNamed(freeswitch));
  say('wardline, as a ratio to FreeSWITCH', (wardline / named).toFixed(2), '<= 1');
}

/** Per cent of a core that one call of `COST_CALLS` takes. */
async function costOf(opened: Subject): Promise<number> {
  await using subject = opened;
  await using phones = await Phones.open(COST_CALLS);
  const before = residentMb(subject.pids);
  await phones.growTo(COST_CALLS, subject);
  await delay(AFTER_START_MS);
  const spent: number[] = [];
  const report = await talk(phones, () => {
    const [cpu, since] = [subject.pids.map((pid) => cpuSeconds([pid])), performance.now()];
    return () => {
      const seconds = (performance.now() - since) / 1000;
      spent.splice(0, spent.length, ...subject.pids.map((pid, i) => (cpuSeconds([pid]) - (cpu[i] ?? 0)) / seconds));
    };
  });
  const share = (100 * spent.reduce((sum, each) => sum + each, 0)) / COST_CALLS;
  const parts = spent.map((each) => ((100 * each) / COST_CALLS).toFixed(2)).join(' + ');
  const aim = subject.name === 'wardline' ? '<= 0.50 %' : '(comparator)';
  say(`${subject.name}: CPU a call, at ${COST_CALLS}`, `${share.toFixed(2)} % of a core`, aim);
  if (spent.length > 1) say('  of it media and vault', `${parts} %`);
  say(`${subject.name}: memory a call`, `${((residentMb(subject.pids) - before) / COST_CALLS).toFixed(2)} MB`);
  say(`${subject.name}: packet lateness`, writtenLateness(report), 'p99 < 20 ms');
  sayLoss(report);
  return share;
}

async function capacity(freeswitch: NamedServer | undefined): Promise<void> {
  await climb(await openWardline({ cores: '0' }));
  if (freeswitch !== undefined) await climb(await openNamed(freeswitch));
  await using subject = await openWardline();
  await using phones = await Phones.open(MANY_CALLS);
  await phones.growTo(MANY_CALLS, subject);
  const report = await talk(phones);
  say(`${MANY_CALLS} calls beside their generator: packet lateness`, writtenLateness(report), 'p99 < 20 ms');
  sayLoss(report);
}

/** Adds calls until the p99 of lateness passes its bound. */
async function climb(opened: Subject): Promise<void> {
  await using subject = opened;
  await using phones = await Phones.open(MAX_CALLS);
  let carried = 0;
  for (let calls = STEP_CALLS * 2; calls <= MAX_CALLS; calls += STEP_CALLS) {
    await phones.growTo(calls, subject);
    const report = await talk(phones);
    say(`  ${calls} calls`, writtenLateness(report));
    if (isVoid(report) || report.lateness.p99 > MAX_P99_MS || isLossy(report)) break;
    carried = calls;
  }
  say(`${subject.name}: calls a core`, String(carried), 'p99 < 20 ms');
}

async function talk(phones: Phones, measure?: () => () => void): Promise<Report> {
  let report = await phones.talk(TALK_SECONDS, SETTLE_SECONDS, measure);
  for (let tries = 1; isVoid(report) && tries < TRIES; tries++) {
    report = await phones.talk(TALK_SECONDS, SETTLE_SECONDS, measure);
  }
  return report;
}

/** Of what came in the time that counts, against what was said in it. */
function lossOf({ sent, received }: Report): number {
  return 1 - received / (sent * (1 - SETTLE_SECONDS / TALK_SECONDS));
}

function isLossy(report: Report): boolean {
  return lossOf(report) > 0.01;
}

function sayLoss(report: Report): void {
  const { opened, refused } = report;
  if (isLossy(report)) say('  LOST', `${(100 * lossOf(report)).toFixed(1)} %`);
  if (opened === 0 || refused > 0) say('  of the packets looked into', `${opened} authentic, ${refused} not`);
}
