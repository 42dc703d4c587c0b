// Whether the parameters behind a header value are well formed (RFC 3261 §25.1 generic-param), in one pass over them.
import { endOfQuoted } from './uri.ts';

/** True for nothing, and for `;name`, `;name=value` and `;name="quoted"` in a row; an empty one is none (RFC 4475 §3.1.2.1). */
export function isParams(text: string): boolean {
  for (let at = skip(text, 0, isSpace); at < text.length; at = skip(text, at, isSpace)) {
    if (text[at] !== ';') return false;
    const start = skip(text, at + 1, isSpace);
    at = skip(text, start, isNameChar);
    if (at === start) return false;
    const equals = skip(text, at, isSpace);
    if (text[equals] !== '=') continue;
    const value = skip(text, equals + 1, isSpace);
    at = text[value] === '"' ? endOfQuoted(text, value) : skip(text, value, isValueChar);
    if (at < 0) return false;
  }
  return true;
}

function skip(text: string, start: number, isSkipped: (code: number) => boolean): number {
  let at = start;
  while (at < text.length && isSkipped(text.charCodeAt(at))) at += 1;
  return at;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
const SEPARATORS = new Set([...' \t\r\n;"'].map((char) => char.charCodeAt(0)));
const NAME_ENDS = new Set([...SEPARATORS, ...[...'=,<>'].map((char) => char.charCodeAt(0))]);
const isValueChar = (code: number): boolean => !SEPARATORS.has(code);
const isNameChar = (code: number): boolean => !NAME_ENDS.has(code);
