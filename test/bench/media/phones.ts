// The generator's process from outside: pinned to one core, told what to play, and its word taken only when it was in time itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_OWN_P99_MS } from '../figures.ts';
import type { Order, Party, Report } from './generator.ts';
import type { From, Subject } from './subjects.ts';

/** Parties that share a socket; the server tells them apart by its own ports. */
const PARTIES_A_SOCKET = 8;
/** The last core is the generator's. */
const CORE = String(cpus().length - 1);

export class Phones implements AsyncDisposable {
  readonly #child = spawn('taskset', ['-c', CORE, process.execPath, join(import.meta.dirname, 'generator.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  #ports: readonly number[] = [];
  #count = 0;

  static async open(calls: number): Promise<Phones> {
    const phones = new Phones();
    const { ports } = await phones.#order({ type: 'open', sockets: Math.ceil((2 * calls) / PARTIES_A_SOCKET) });
    phones.#ports = ports;
    return phones;
  }

  get calls(): number {
    return this.#count / 2;
  }

  /** Sets calls up at `subject` until there are `calls` of them. */
  async growTo(calls: number, subject: Subject): Promise<void> {
    const parties: Party[] = [];
    while (this.calls < calls) parties.push(...(await subject.call(this.#next(), this.#next())));
    await this.#order({ type: 'add', parties });
  }

  /** Everybody speaks; `measure` is called when they have settled, and what it gives when the speaking is over. */
  async talk(
    seconds: number,
    settleSeconds: number,
    measure: () => () => void = () => () => undefined,
  ): Promise<Report> {
    await this.#order({ type: 'prepare', seconds });
    const talking = this.#order({ type: 'run', seconds, settleSeconds });
    await delay(settleSeconds * 1000);
    const finish = measure();
    const report = await talking;
    finish();
    return report;
  }

  async #order(order: Order): Promise<Report> {
    this.#child.send(order);
    const [report] = (await once(this.#child, 'message')) as [Report];
    return report;
  }

  #next(): From {
    const socket = Math.floor(this.#count++ / PARTIES_A_SOCKET);
    return { socket, port: this.#ports[socket] ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}

export function isVoid({ own }: Report): boolean {
  return own.p99 > MAX_OWN_P99_MS;
}

/** Lateness as a cell, with the generator's own. */
export function writtenLateness(report: Report): string {
  const { lateness, own } = report;
  const said = `p50 ${lateness.p50.toFixed(1)}, p99 ${lateness.p99.toFixed(1)} ms (generator p99 ${own.p99.toFixed(1)})`;
  return isVoid(report) ? `VOID: ${said}` : said;
}
