// What a benchmark says: percentiles of many figures in little memory, the CPU and memory of processes, and lines with their aims beside them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Clock ticks a second in /proc (CLK_TCK on Linux). */
const TICKS_A_SECOND = 100;

/** Milliseconds counted in steps of 0.1 ms, up to 10 s. */
export class Lateness {
  readonly #counts = new Uint32Array(100_001);
  #total = 0;
  worst = 0;

  note(ms: number): void {
    this.#counts[Math.min(100_000, Math.max(0, Math.ceil(ms * 10)))]! += 1;
    this.#total++;
    if (ms > this.worst) this.worst = ms;
  }

  at(share: number): number {
    let left = Math.ceil(this.#total * share);
    for (let step = 0; step < this.#counts.length; step++) {
      left -= this.#counts[step] ?? 0;
      if (left <= 0) return step / 10;
    }
    return this.worst;
  }
}

/** The value that `share` (0 to 1) of them do not exceed; NaN of none. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** CPU seconds that the processes have spent so far, all of their threads. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_A_SECOND;
}

/** Resident megabytes. */
export function residentMb(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return kilobytes.reduce((sum, each) => sum + Number(each ?? 0), 0) / 1024;
}

/** Beyond this whoever measured was late itself, and what it says of the server is void. */
export const MAX_OWN_P99_MS = 5;
const LOOK_MS = 1;

/** How late this process is itself from now on, beside `value`, which that may void. */
export function watchOwnLateness(): (value: string) => string {
  const delays = monitorEventLoopDelay({ resolution: LOOK_MS });
  delays.enable();
  return (value) => {
    delays.disable();
    const p99 = Math.max(0, delays.percentile(99) / 1e6 - LOOK_MS);
    const said = `${value} (own p99 ${p99.toFixed(1)})`;
    return p99 > MAX_OWN_P99_MS ? `VOID: ${said}` : said;
  };
}

export function say(what: string, value: string, aim = ''): void {
  process.stdout.write(`${what.padEnd(62)} ${value.padStart(24)}${aim === '' ? '' : `   aim ${aim}`}\n`);
}

/** What the figures were seen on. */
export function sayWhere(): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const changed = execFileSync('git', ['status', '--porcelain', '--', 'src'], { encoding: 'utf8' }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(2)}`;
  process.stdout.write(
    `commit ${commit}${changed === '' ? '' : ' and changes'}, node ${process.version}, ${machine}\n`,
  );
}
