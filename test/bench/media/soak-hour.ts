// A real hour at half load: memory a minute, lateness all along. `npm run bench:media -- soak-hour`, or a part of it with WARDLINE_SOAK_MINUTES.
import { residentMb, say } from '../figures.ts';
import { Phones, writtenLateness } from './phones.ts';
import { openWardline } from './subjects.ts';

const CALLS = 75;
const MINUTES = Number(process.env.WARDLINE_SOAK_MINUTES ?? 60);
const SETTLE_MINUTES = Math.min(5, Math.floor(MINUTES / 4));
const SETTLE_SECONDS = 2;

export async function soakHour(): Promise<void> {
  await using subject = await openWardline();
  await using phones = await Phones.open(CALLS);
  await phones.growTo(CALLS, subject);
  const memory: number[] = [];
  for (let minute = 1; minute <= MINUTES; minute++) {
    const report = await phones.talk(58, SETTLE_SECONDS);
    memory.push(residentMb(subject.pids));
    say(`minute ${minute}: ${CALLS} calls, ${memory.at(-1)?.toFixed(0)} MB`, writtenLateness(report), 'p99 < 20 ms');
  }
  const settled = memory.slice(SETTLE_MINUTES);
  const [first = 0, last = 0] = [settled[0], settled.at(-1)];
  say(`memory after ${SETTLE_MINUTES} minutes, and at the end`, `${first.toFixed(0)}, ${last.toFixed(0)} MB`, 'flat');
}
