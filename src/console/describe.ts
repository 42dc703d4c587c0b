// What the console says of recordings, quality, retention and search results; pure, so that it is tested without a browser.
import type { ArtifactDetailsView, ArtifactView } from '../api/schemas.ts';
import { clockLength, plural } from './format.ts';

/** Part of a text; `isHit` where the search's words stand. */
export interface TextPart {
  readonly text: string;
  readonly isHit: boolean;
}

/** Characters that are looked at, and kept around a hit. */
const MAX_TEXT = 20_000;
const AROUND = 60;

/** Splits a text where words of the query begin in it; accents and case do not count. */
export function highlight(text: string, query: string): TextPart[] {
  const shown = text.slice(0, MAX_TEXT);
  const words = wordsOf(query);
  if (words.length === 0) return [{ text: shown, isHit: false }];
  const parts: TextPart[] = [];
  for (const [piece] of shown.matchAll(/[\p{L}\p{N}]+|[^\p{L}\p{N}]+/gu)) {
    const hit = Math.max(0, ...words.map((word) => (plain(piece).startsWith(word) ? word.length : 0)));
    if (hit === 0) parts.push({ text: piece, isHit: false });
    else parts.push({ text: piece.slice(0, hit), isHit: true }, { text: piece.slice(hit), isHit: false });
  }
  return joined(parts);
}

/** The same of a number, which people write in many ways: it is one hit when it has the digits that were typed. */
export function highlightNumber(shown: string, number: string, query: string): TextPart[] {
  const typed = /^[\d\s()+*#.-]{3,}$/.test(query.trim()) ? query.replace(/\D/g, '') : '';
  const digits = number.replace(/\D/g, '');
  return [{ text: shown, isHit: typed.length >= 3 && digits.slice(-10) === typed.slice(-10) }];
}

/** A long text cut to the neighbourhood of its first hit. */
export function excerpt(text: string, query: string): TextPart[] {
  const parts = highlight(text, query);
  const before = parts.findIndex(({ isHit }) => isHit);
  const at = before < 0 ? 0 : parts.slice(0, before).reduce((sum, part) => sum + part.text.length, 0);
  const from = at <= AROUND ? 0 : at - AROUND;
  const until = at + AROUND * 2;
  const cut = `${from > 0 ? '…' : ''}${text.slice(from, until)}${until < text.length ? '…' : ''}`;
  return highlight(cut, query);
}

export function hasHit(text: string, query: string): boolean {
  return highlight(text, query).some(({ isHit }) => isHit);
}

function wordsOf(query: string): string[] {
  return plain(query)
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length >= 2);
}

/** As the vault compares: one letter stays one letter, so that places in both are the same. */
function plain(text: string): string {
  return [...text].map((letter) => letter.normalize('NFKD').charAt(0).toLowerCase() || letter).join('');
}

function joined(parts: readonly TextPart[]): TextPart[] {
  const all: TextPart[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.text === '') continue;
    if (last !== undefined && last.isHit === part.isHit)
      all[all.length - 1] = { text: last.text + part.text, isHit: last.isHit };
    else all.push(part);
  }
  return all;
}

/** Something that happened in a recording, from and to: milliseconds of its audio. Equal when it took none. */
export interface Span {
  readonly kind: 'masked' | 'paused' | 'blanked' | 'gap' | 'notice' | 'cut-off';
  readonly label: string;
  readonly fromMs: number;
  readonly toMs: number;
}

type Marked = Pick<ArtifactDetailsView, 'marks' | 'gaps' | 'durationMs' | 'state'>;

/** In order of time. What was never ended lasts until the end. */
export function spansOf({ marks, gaps, durationMs, state }: Marked): Span[] {
  const spans: Span[] = gaps.map(({ fromMs, toMs }) => ({ kind: 'gap', label: 'No audio arrived', fromMs, toMs }));
  for (const [index, { mark, atMs }] of marks.entries()) {
    const end = (wanted: string) => marks.slice(index).find((later) => later.mark === wanted)?.atMs ?? durationMs;
    if (mark === 'notice-played') spans.push({ kind: 'notice', label: 'Notice played', fromMs: atMs, toMs: atMs });
    if (mark === 'masked') spans.push({ kind: 'masked', label: 'Masked', fromMs: atMs, toMs: end('unmasked') });
    if (mark === 'digits-blanked') {
      spans.push({ kind: 'blanked', label: 'Digits blanked', fromMs: atMs, toMs: end('digits-over') });
    }
    if (mark === 'paused') spans.push({ kind: 'paused', label: 'Paused', fromMs: atMs, toMs: end('resumed') });
  }
  if (state === 'cut-off') spans.push({ kind: 'cut-off', label: 'Cut off here', fromMs: durationMs, toMs: durationMs });
  return spans.sort((a, b) => a.fromMs - b.fromMs);
}

/** `0:12 to 0:20`, or `0:12`. */
export function spanTimes({ fromMs, toMs }: Span): string {
  return toMs - fromMs < 500 ? clockLength(fromMs) : `${clockLength(fromMs)} to ${clockLength(toMs)}`;
}

/** What is not as it should be; empty for a whole one. */
export function stateOf(state: ArtifactView['state'], kind: ArtifactView['kind']) {
  const labels: Partial<Record<ArtifactView['state'], { label: string; tone: string; sentence: string }>> = {
    open: {
      label: kind === 'voicemail' ? 'Being left now' : 'Recording now',
      tone: 'quiet',
      sentence: 'It is still going on; what was said a moment ago can be heard already.',
    },
    'cut-off': {
      label: 'Cut off',
      tone: 'missed',
      sentence: 'The appliance stopped in the middle of it. What was kept until then is whole.',
    },
    failed: {
      label: 'Incomplete',
      tone: 'bad',
      sentence: 'The audio could not be kept to the end. What is here was not changed.',
    },
    tampered: {
      label: 'Damaged',
      tone: 'bad',
      sentence: 'Its audio was changed outside of the vault. It is not played: restore it from a backup.',
    },
  };
  return labels[state];
}

/** A mean opinion score in a word: 4.4 is as good as the telephone gets, below 3.6 people complain. */
export function scoreWord(mos: number): { readonly label: string; readonly tone: 'good' | 'missed' | 'bad' } {
  if (mos >= 4) return { label: 'Good', tone: 'good' };
  return mos >= 3.6 ? { label: 'Fair', tone: 'missed' } : { label: 'Poor', tone: 'bad' };
}

export function keptText(days: number | null | undefined): string {
  return days === null || days === undefined ? 'For good' : plural(days, 'day');
}

/** `1.5 MB` */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let power = 0;
  for (let size = bytes; size >= 1000 && power < units.length - 1; size /= 1000) power += 1;
  const size = bytes / 1000 ** power;
  return `${size >= 10 || power === 0 ? Math.round(size) : size.toFixed(1)} ${units[power]}`;
}

/** Midnight at the beginning of `2026-11-22` where the person is, or at its end. */
export function dayBound(day: string, end: 'start' | 'end'): string | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return undefined;
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const at = end === 'start' ? new Date(year, month - 1, date) : new Date(year, month - 1, date + 1);
  return String(at.getTime() - (end === 'start' ? 0 : 1));
}
