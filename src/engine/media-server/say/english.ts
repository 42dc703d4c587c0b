// What FreeSWITCH's English `say` speaks, as names of its sound files in their order (mod_say_en of 1.10.12); pure.
import type { DateWords } from './date-words.ts';
import { saidDate } from './date-words.ts';

export type SayMethod = 'pronounced' | 'iterated' | 'counted' | 'pronounced_year';

export interface Saying {
  readonly type: string;
  readonly method: SayMethod;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** IANA name; the server's own zone when absent. */
  readonly timeZone?: string;
}

const MAX_CHARACTERS = 40;
/** FreeSWITCH counts no further. */
const MAX_DIGITS = 9;
/** A gap between the groups of a telephone number. */
const GAP = 'silence_stream://100';

/** Names without ending; none when it cannot be said. */
export function sayEnglish(saying: Saying): string[] {
  if (saying.text.length > MAX_CHARACTERS) return [];
  return TYPES[saying.type]?.(saying) ?? [];
}

const count = ({ text, method }: Saying) => saidNumber(text.replaceAll(',', ''), method);
const spell = ({ text, type }: Saying) => spelt(text, type === 'NAME_PHONETIC' ? 'phonetic-ascii' : 'ascii');
const moment = (saying: Saying) => saidDate(saying, WORDS);

const TYPES: Readonly<Record<string, (saying: Saying) => string[]>> = {
  NUMBER: count,
  ITEMS: count,
  PERSONS: count,
  MESSAGES: count,
  CURRENCY: ({ text, method }) => saidMoney(text, method),
  ACCOUNT_NUMBER: ({ text }) => saidPhoneNumber(text),
  TELEPHONE_NUMBER: ({ text }) => saidPhoneNumber(text),
  TELEPHONE_EXTENSION: ({ text }) => saidPhoneNumber(text),
  TIME_MEASUREMENT: ({ text, nowMs }) => saidLength(text, nowMs),
  CURRENT_DATE: moment,
  CURRENT_TIME: moment,
  CURRENT_DATE_TIME: moment,
  SHORT_DATE_TIME: moment,
  IP_ADDRESS: saidAddress,
  NAME_SPELLED: spell,
  NAME_PHONETIC: spell,
};

const SCALES: ReadonlyArray<readonly [value: number, name: string]> = [
  [1_000_000, 'million'],
  [1000, 'thousand'],
  [100, 'hundred'],
];

/** `-$1,234.56`; cents by two digits, and only when they were written. */
function saidMoney(text: string, method: SayMethod): string[] {
  const [, sign, dollars, cents] = /^\s*([+-]?)\s*\$?\s*([\d,]+)(?:\.(\d{1,2})\d*)?\s*$/.exec(text) ?? [];
  const whole = (dollars ?? '').replaceAll(',', '');
  if (whole === '' || whole.length > MAX_DIGITS) return [];
  const units = (count: string, unit: string) => [
    ...saidNumber(count, method),
    `currency/${unit}${Number(count) === 1 ? '' : 's'}`,
  ];
  const sounds = [...(sign === '-' ? ['currency/negative'] : []), ...units(whole, 'dollar')];
  return cents === undefined ? sounds : [...sounds, 'currency/and', ...units(cents.padEnd(2, '0'), 'cent')];
}

/** With a fraction, which FreeSWITCH refuses, digit by digit after the point. */
function saidNumber(text: string, method: SayMethod): string[] {
  if (method === 'iterated') return /^\d+$/.test(text) ? digitByDigit(text) : [];
  const [, whole, fraction] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined || whole.length > MAX_DIGITS) return [];
  const isYear = method === 'pronounced_year' && Number(whole) !== 0;
  const plain = Number(whole) === 0 ? ['digits/0'] : counted(Number(whole), method === 'counted');
  const sounds = isYear ? saidYear(Number(whole)) : plain;
  return fraction === undefined ? sounds : [...sounds, 'digits/point', ...digitByDigit(fraction)];
}

/** 1,234 is one thousand two hundred thirty four; `isOrdinal`: thirty fourth. */
function counted(value: number, isOrdinal: boolean): string[] {
  for (const [scale, name] of SCALES) {
    if (value < scale) continue;
    return [...counted(Math.floor(value / scale), false), `digits/${name}`, ...counted(value % scale, isOrdinal)];
  }
  if (value === 0) return [];
  const ones = value % 10;
  if (value > 20 && ones > 0) return [`digits/${value - ones}`, ...counted(ones, isOrdinal)];
  // FreeSWITCH has no ordinals from tenth to nineteenth: those are counted.
  const hasOrdinal = value < 10 || ones === 0;
  return [isOrdinal && hasOrdinal && value !== 10 ? `digits/h-${value}` : `digits/${value}`];
}

function digitByDigit(text: string): string[] {
  return [...text].map((digit) => `digits/${digit}`);
}

const SIGNS: Readonly<Record<string, string>> = { '.': 'point', '*': 'star', '#': 'pound', '+': 'plus' };

/** Beside letters and figures: what a name or an address has in it, each as FreeSWITCH's sounds name it. */
const SPELT = /[ &'\-/:@_]/;

function spelt(text: string, folder: string): string[] {
  return [...text.toLowerCase()].flatMap((character) => {
    if (/\d/.test(character)) return [`digits/${character}`];
    if (character in SIGNS) return [`digits/${SIGNS[character]}`];
    const code = character.charCodeAt(0);
    if (/[a-z]/.test(character)) return [`${folder}/${code}`];
    return SPELT.test(character) ? [`ascii/${code}`] : [];
  });
}

function saidPhoneNumber(text: string): string[] {
  const groups = text.split(/[^\da-z*#+]+/i).map((group) => spelt(group, 'ascii'));
  const spoken = groups.filter((group) => group.length > 0);
  return spoken.flatMap((group, at) => (at === 0 ? group : [GAP, ...group]));
}

/** `h:mm:ss`, `m:ss`, or seconds. */
function saidLength(text: string, nowMs: number): string[] {
  const parts = text.split(':').map(Number);
  if (parts.length > 3 || parts.some((part) => !Number.isSafeInteger(part) || part < 0)) return [];
  const given = parts.reduce((sum, part) => sum * 60 + part, 0);
  // As FreeSWITCH has it: no length is the time since 1970.
  const seconds = parts.length === 1 && given === 0 ? Math.floor(nowMs / 1000) : given;
  const units = { hour: Math.floor(seconds / 3600), minute: Math.floor(seconds / 60) % 60, second: seconds % 60 };
  return Object.entries(units).flatMap(([unit, value]) => [
    ...saidNumber(String(value), 'pronounced'),
    `time/${unit}${value === 1 ? '' : 's'}`,
  ]);
}

function saidAddress({ text, method }: Saying): string[] {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part))) return [];
  return parts.flatMap((part, at) => [...(at === 0 ? [] : ['digits/dot']), ...saidNumber(part, method)]);
}

/** 1999 is nineteen ninety nine, 2026 two thousand twenty six. */
function saidYear(year: number): string[] {
  const [century, rest] = [Math.floor(year / 100), year % 100];
  if (rest === 0 || century % 10 === 0) return counted(year, false);
  return [...counted(century, false), ...counted(rest, false)];
}

const WORDS: DateWords = {
  number: (value) => (value === 0 ? ['digits/0'] : counted(value, false)),
  ordinal: (value) => counted(value, true),
  year: saidYear,
};
