// Drills by themselves: once a week, at night, the newest backup is restored into a scratch folder and opened whole; a failure is an alarm.
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { UtcMs } from '../../kernel/clock.ts';
import { codeOf, sentenceOf, WardlineError } from '../../kernel/errors.ts';
import { getClinic, SETTINGS } from '../clinic/settings.ts';
import type { Handlers } from '../handlers.ts';
import type { SlotKind } from '../keys/slots.ts';
import type { Caller, DrillReport, DrillStatus } from '../shapes.ts';
import { type InnerCore, VAULT_ACTOR } from '../store/inner-core.ts';
import type { DrillOptions, DrillResult } from './drill.ts';
import type { Backups } from './targets.ts';

export type DrillOperation = 'drill.get' | 'drill.schedule' | 'drill.report';
/** Does the work, here or on a thread of its own. */
export type DrillRunner = (options: Omit<DrillOptions, 'clock' | 'onProgress'>) => Promise<DrillResult>;

export interface DrillParts {
  readonly core: InnerCore;
  readonly backups: Backups;
  /** Without it none is held by itself. */
  readonly run: DrillRunner | undefined;
  readonly dataFolder: string;
  /** On RAM: the scratch vault's key file goes there. */
  readonly spoolFolder: string;
  /** What lies on this machine to open a backup with. */
  readonly secret: () => { readonly slot: SlotKind; readonly secret: string } | undefined;
}

interface ScheduleRecord {
  /** Null: by command alone. */
  readonly everyDays: number | null;
  readonly last?: DrillReport;
}

const DRILL = 'drill';
const DEFAULT_DAYS = 7;
const DAY_MS = 24 * 3_600_000;
const LOOK_MS = 30 * 60_000;
/** In the clinic's zone; a drill that is a day late runs at any hour. */
const NIGHT = { from: 1, until: 5 };
/** A restored vault is about as large as its backup. */
const ROOM = 1.2;
const MAX_PROBLEMS = 10;

export class DrillSchedule implements Disposable {
  readonly #parts: DrillParts;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: DrillParts) {
    this.#parts = parts;
  }

  handlers(): Pick<Handlers, DrillOperation> {
    const { core } = this.#parts;
    return {
      'drill.get': () => this.#status(),
      'drill.schedule': ({ caller, everyDays }) => {
        if (everyDays !== null && !(Number.isSafeInteger(everyDays) && everyDays >= 1 && everyDays <= 365))
          throw new WardlineError('bad-rule', 'A drill runs every 1 to 365 days, or by command alone.');
        const detail = everyDays === null ? 'by command alone' : `every ${everyDays} days`;
        const entry = { action: 'drill-scheduled', ...caller, outcome: 'ok', detail } as const;
        core.transact(entry, (tx) => tx.put(SETTINGS, DRILL, { ...this.#record(), everyDays }));
        return {};
      },
      'drill.report': ({ caller, report }) => {
        this.#note(caller, report);
        return {};
      },
    };
  }

  /** For the vault's status: a failure stays there until a drill succeeds. */
  problems(): string[] {
    const { last, everyDays } = this.#record();
    if (last !== undefined && last.problems.length > 0)
      return [`The last drill failed: ${last.problems[0]} Run \`wardline drill\` once that is mended.`];
    const since = last?.at ?? this.#parts.backups.firstAt() ?? this.#now();
    const isLate = everyDays !== null && this.#now() - since > (everyDays * 2 + 1) * DAY_MS;
    return isLate ? ['No backup was tried by a drill for too long; run `wardline drill`.'] : [];
  }

  begin(): void {
    if (this.#parts.run === undefined) return;
    rmSync(this.#scratch, { recursive: true, force: true }); // of a drill that was cut off
    this.#schedule();
  }

  /** Settles when none is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  get #scratch(): string {
    return join(this.#parts.dataFolder, 'drill');
  }

  #now(): UtcMs {
    return this.#parts.core.clock.now();
  }

  #record(): ScheduleRecord {
    return this.#parts.core.records.get<ScheduleRecord>(SETTINGS, DRILL)?.value ?? { everyDays: DEFAULT_DAYS };
  }

  #status(): DrillStatus {
    const { everyDays, last } = this.#record();
    return { everyDays, ...(last !== undefined && { last }) };
  }

  #schedule(): void {
    this.#timer = this.#parts.core.clock.after(LOOK_MS, () => {
      this.#running = this.#look().finally(() => {
        this.#running = undefined;
      });
      this.#schedule();
    });
  }

  async #look(): Promise<void> {
    if (this.#running !== undefined || !this.#isDue()) return;
    const from = this.#parts.backups.newest();
    if (from === undefined) return;
    const caller = { actor: VAULT_ACTOR, address: '' };
    const startedAt = this.#now();
    try {
      const { problems, restoreMs, checkMs, calls, artifacts, isLocked } = await this.#drill(from, caller);
      const counts = { restoreMs, checkMs, calls, artifacts, isLocked };
      this.#note(caller, { at: startedAt, from: from.path, problems: problems.slice(0, MAX_PROBLEMS), ...counts });
    } catch (thrown) {
      if (!this.#parts.core.db.open) return;
      const nothing = { restoreMs: 0, checkMs: 0, calls: 0, artifacts: 0, isLocked: false };
      this.#parts.core.log.error({ code: codeOf(thrown) }, 'a drill failed');
      this.#note(caller, { at: startedAt, from: from.path, problems: [sentenceOf(thrown)], ...nothing });
    } finally {
      rmSync(this.#scratch, { recursive: true, force: true });
    }
  }

  #isDue(): boolean {
    const { everyDays, last } = this.#record();
    if (everyDays === null) return false;
    // One that seems to lie ahead was held by a clock that was ahead.
    const since = Math.abs(this.#now() - (last?.at ?? this.#parts.backups.firstAt() ?? this.#now()));
    const late = since - everyDays * DAY_MS;
    return late >= DAY_MS || (late >= 0 && this.#isNight());
  }

  #isNight(): boolean {
    const { timeZone } = getClinic(this.#parts.core).clinic;
    const hour = Number(new Intl.DateTimeFormat('en-GB', { hour: 'numeric', timeZone }).format(this.#now()));
    return hour >= NIGHT.from && hour < NIGHT.until;
  }

  async #drill({ path, bytes }: { path: string; bytes: number }, caller: Caller): Promise<DrillResult> {
    const unlock = this.#parts.secret();
    if (unlock === undefined)
      throw new WardlineError(
        'key-file-missing',
        'Nothing on this machine opens a backup; run `wardline drill --recovery`.',
      );
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = statfsSync(this.#scratch);
    if (bavail * bsize < bytes * ROOM)
      throw new WardlineError('no-room', 'There is no room to restore the backup beside the vault; free some space.');
    const { spoolFolder, run } = this.#parts;
    if (run === undefined) throw new Error('a drill without its runner');
    mkdirSync(spoolFolder, { recursive: true, mode: 0o700 });
    return run({ from: path, scratch: this.#scratch, keysFolder: spoolFolder, unlock, caller });
  }

  #note(caller: Caller, report: DrillReport): void {
    const { core } = this.#parts;
    const hasFailed = report.problems.length > 0;
    const detail = `${report.from}, ${report.problems.length} problems`;
    const entry = { action: 'drill-run', ...caller, outcome: hasFailed ? 'failed' : 'ok', detail } as const;
    core.transact(entry, (tx) => tx.put(SETTINGS, DRILL, { ...this.#record(), last: report }));
    if (hasFailed) core.notify('drill.failed', { problems: report.problems.length });
  }
}
