// What `originate` and `bridge` are given (switch_ivr_originate.c): settings in braces, places to call parted by `,` (at once) and `|` (in turn).

/** Targets in one dial string; further ones are left out. */
const MAX_TARGETS = 32;
const MAX_SETTINGS = 128;

export type Settings = ReadonlyMap<string, string>;

export interface DialTarget {
  /** `sofia/drachtio_mrf/sip:…`, `loopback/…`, `error/…`. */
  readonly url: string;
  /** What `{…}` and its own `[…]` set. */
  readonly settings: Settings;
}

/** Groups that are tried in turn; the targets of a group are called at once. */
export type DialString = readonly (readonly DialTarget[])[];

export function parseDialString(text: string): DialString {
  const { settings, rest } = takeSettings(text.trim(), '{}');
  let left = MAX_TARGETS;
  return splitOutside(rest, '|').map((group) =>
    splitOutside(group, ',').flatMap((part) => {
      const own = takeSettings(part.trim(), '[]');
      if (own.rest === '' || left-- <= 0) return [];
      return [{ url: own.rest, settings: new Map([...settings, ...own.settings]) }];
    }),
  );
}

/** The assignments in the pair of brackets at the beginning of `text`, and what follows it. */
export function takeSettings(text: string, brackets: '{}' | '[]'): { settings: Map<string, string>; rest: string } {
  const [open, close] = brackets;
  if (open === undefined || close === undefined || !text.startsWith(open)) return { settings: new Map(), rest: text };
  const end = indexOutside(text, close);
  if (end < 0) return { settings: new Map(), rest: text };
  const settings = new Map<string, string>();
  for (const part of splitOutside(text.slice(1, end), ',')) {
    const at = part.indexOf('=');
    if (at > 0 && settings.size < MAX_SETTINGS) settings.set(part.slice(0, at).trim(), unquoted(part.slice(at + 1)));
  }
  return { settings, rest: text.slice(end + 1).trim() };
}

/** Parts of `text` by `separator`, which counts neither in quotes nor in square brackets. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let rest = text;
  for (let at = indexOutside(rest, separator); at >= 0; at = indexOutside(rest, separator)) {
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + 1);
  }
  return [...parts, rest];
}

function indexOutside(text: string, wanted: string): number {
  let isQuoted = false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (!isQuoted && depth === 0 && character === wanted && (i > 0 || wanted === ',' || wanted === '|')) return i;
    if (character === "'") isQuoted = !isQuoted;
    else if (!isQuoted && character === '[' && wanted !== ']') depth++;
    else if (!isQuoted && character === ']' && wanted !== ']') depth = Math.max(0, depth - 1);
  }
  return -1;
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  return /^'.*'$/s.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
}
