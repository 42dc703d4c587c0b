// Which passwords are refused: short ones, common ones however dressed up, and what anybody would guess of this person (NIST SP 800-63B §5.1.1.2).
import { readFileSync } from 'node:fs';
import { WardlineError } from '../../kernel/errors.ts';

export const MIN_PASSWORD_LENGTH = 12;
export const MAX_PASSWORD_LENGTH = 256;
/** Fewer different characters than this are a pattern, not a password. */
const MIN_DIFFERENT = 5;
/** Words of a name that are shorter than this are too common to be refused. */
const MIN_OWN_WORD = 3;

/** What the person's own words are. */
export interface PasswordOwner {
  readonly login: string;
  readonly name: string;
  readonly clinicName: string;
}

/** @throws WardlineError `password-weak`, with a sentence that says what to change */
export function checkPassword(password: string, owner: PasswordOwner): void {
  const problem = findProblem(password.normalize('NFKC'), owner);
  if (problem !== undefined) throw new WardlineError('password-weak', problem);
}

function findProblem(password: string, { login, name, clinicName }: PasswordOwner): string | undefined {
  const length = [...password].length;
  const lower = password.toLowerCase();
  if (length < MIN_PASSWORD_LENGTH) return `The password is too short: use at least ${MIN_PASSWORD_LENGTH} characters.`;
  if (length > MAX_PASSWORD_LENGTH) return `The password is too long: use at most ${MAX_PASSWORD_LENGTH} characters.`;
  if (wordsOf(login, name).some((word) => lower.includes(word))) {
    return 'The password has your name or login in it; choose one that nobody can guess from them.';
  }
  if (isMostly(lower, [...wordsOf(clinicName), 'wardline'])) {
    return "The password is little more than the clinic's name; choose one that nobody can guess from it.";
  }
  if (new Set(lower).size < MIN_DIFFERENT || isRepetition(lower) || isCommon(lower)) {
    return 'This password is among those that are tried first; choose another, such as four unrelated words.';
  }
  return undefined;
}

function wordsOf(...texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u));
  return words.filter((word) => word.length >= MIN_OWN_WORD);
}

/** Whether hardly anything is left once `words` are taken out. */
function isMostly(lower: string, words: readonly string[]): boolean {
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), lower);
  return rest.length < lower.length && rest.replace(/[\W\d_]/g, '').length < MIN_DIFFERENT;
}

/** `abcabcabcabc`: one short piece again and again. */
function isRepetition(lower: string): boolean {
  return /^(.{1,6})\1+.{0,5}$/u.test(lower);
}

/** A listed password as it is, with digits and signs before or behind, written in "leet", or two of them in a row. */
function isCommon(lower: string): boolean {
  const bare = lower.replace(/^[\W\d_]+|[\W\d_]+$/g, '');
  const forms = new Set([
    lower,
    bare,
    plainLetters(lower),
    plainLetters(bare),
    plainLetters(lower).replace(/[\W\d_]/g, ''),
  ]);
  return [...forms].some((form) => form === '' || common().has(form) || isTwoCommon(form));
}

function isTwoCommon(form: string): boolean {
  for (let at = 4; at <= form.length - 4; at++) {
    if (common().has(form.slice(0, at)) && common().has(form.slice(at))) return true;
  }
  return false;
}

const leet: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

function plainLetters(text: string): string {
  return text.replace(/[013457@$!]/g, (sign) => leet[sign] ?? sign);
}

let list: ReadonlySet<string> | undefined;

function common(): ReadonlySet<string> {
  if (list === undefined) {
    const lines = readFileSync(new URL('./common-passwords.txt', import.meta.url), 'utf8').split('\n');
    list = new Set(lines.filter((line) => line !== '' && !line.startsWith('# ')));
  }
  return list;
}
