// FreeSWITCH's sound files by our own prompts' names, where those are what a sounds folder has.
import { MONTHS, WEEKDAYS } from '../../../kernel/calendar.ts';

const HALVES: Readonly<Record<string, string>> = { 'time/a-m': 'time/am', 'time/p-m': 'time/pm' };

/** What one of FreeSWITCH's names is called among our prompts; undefined when the same. */
export function ourName(name: string): string | undefined {
  const [, kind = '', number = ''] = /^(time\/day|time\/mon|digits\/h)-(\d+)$/.exec(name) ?? [];
  const value = Number(number);
  if (kind === 'time/day') return `time/${WEEKDAYS[value]}`;
  if (kind === 'time/mon') return `time/${MONTHS[value]}`;
  return kind === 'digits/h' ? `time/${value}${ending(value)}` : HALVES[name];
}

function ending(value: number): string {
  if (value > 10 && value < 20) return 'th';
  return ['th', 'st', 'nd', 'rd'][value % 10] ?? 'th';
}
