// How long something is kept: the rule of its class, mailbox or queue, and the legal holds on it.
import type { UtcMs } from '../../kernel/clock.ts';
import { SETTINGS } from '../clinic/settings.ts';
import type { Hold, Keeping, RetentionRules } from '../shapes.ts';
import type { RetentionClass } from '../store/epochs.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { writtenAt } from './clock-watch.ts';

export const HOLDS = 'holds';
export const EVERYTHING = 'everything';
const DAY_MS = 24 * 3_600_000;

export type HoldRecord = Omit<Hold, 'id'>;

export function retentionRules({ records }: InnerCore): RetentionRules {
  return records.get<RetentionRules>(SETTINGS, 'retention')?.value ?? {};
}

/** Which rows a legal hold keeps, as it is now. @throws WardlineError `record-damaged` when a hold does not open */
export function heldRows({ records }: InnerCore): (row: string) => boolean {
  const held = new Set(records.listWhole<HoldRecord>(HOLDS).flatMap(({ value }) => value.subjects));
  return (row) => held.has(EVERYTHING) || held.has(row);
}

/** Of a row that the trail's entry `entry` wrote: its age counts from there. `place` is its mailbox or queue. */
export function keepingOf(
  core: InnerCore,
  { row, entry }: { readonly row: string; readonly entry: number },
  retention: RetentionClass,
  place = '',
): Keeping {
  const rules = retentionRules(core);
  const own = retention === 'cdr' ? undefined : rules.places?.[place];
  const days = own === undefined ? rules[retention] : own;
  const at = writtenAt(core, entry);
  const holds = core.records
    .list<HoldRecord>(HOLDS)
    .filter(({ value: { subjects } }) => subjects.includes(EVERYTHING) || subjects.includes(row))
    .map(({ row: id, value }) => ({ id, ...value }));
  if (days === null || days === undefined || at === 0) return { holds };
  return { keptUntil: (at + days * DAY_MS) as UtcMs, holds };
}
