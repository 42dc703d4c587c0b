// English text to the phonemes that Kokoro was trained on: espeak-ng's IPA, respelled as Kokoro's own front end (misaki) does.
import { execFileSync } from 'node:child_process';

/** Debian's espeak-ng. */
const PHONEMISER = 'espeak-ng';
const CLAUSE = /(?:[AP]\.M\.|[^,.;:?!])+[,.;:?!]*/g;

/** espeak-ng ties the letters of one sound with `^`; Kokoro has a letter of its own for most. Longest first. */
const RESPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/ʔˌn\u0329|ʔn\u0329/g, 'ʔn'],
  [/a\^ɪ\^ə/g, 'Iə'],
  [/a\^ɪ\^ɚ/g, 'Iəɹ'],
  [/a\^ɪ/g, 'I'],
  [/a\^ʊ/g, 'W'],
  [/d\^ʒ/g, 'ʤ'],
  [/t\^ʃ/g, 'ʧ'],
  [/e\^ɪ/g, 'A'],
  [/ɔ\^ɪ/g, 'Y'],
  [/o\^ʊ/g, 'O'],
  [/ə\^l/g, 'ᵊl'],
  [/ʲo/g, 'jo'],
  [/ʲə/g, 'jə'],
  [/ʲ/g, ''],
  [/ɜːɹ|ɜː/g, 'ɜɹ'],
  [/ɚ/g, 'əɹ'],
  [/e/g, 'A'],
  [/r/g, 'ɹ'],
  [/[xç]/g, 'k'],
  [/ɐ/g, 'ə'],
  [/ɬ/g, 'l'],
  [/o/g, 'ɔ'],
  [/ɾ/g, 'T'],
  [/ʔ/g, 't'],
  [/ː|\^|\u0303|\u0329/g, ''],
];

/** Phonemes of `text` with its punctuation, which carries the melody. A word alone needs its full stop, or its end is swallowed. */
export function phonemesOf(text: string): string {
  const clauses = (/[.?!]$/.test(text) ? text : `${text}.`).match(CLAUSE) ?? [];
  return clauses.map((clause) => spokenClause(clause)).join(' ');
}

function spokenClause(clause: string): string {
  const words = clause.replace(/[,.;:?!]+$/, '');
  const mark = clause.at(words.length) ?? '';
  const ipa = execFileSync(PHONEMISER, ['-q', '--ipa', '--tie=^', '-v', 'en-us', words.trim()], { encoding: 'utf8' });
  const respelled = RESPELLINGS.reduce(
    (sounds, [from, to]) => sounds.replaceAll(from, to),
    ipa.replaceAll(/\s+/g, ' ').trim(),
  );
  return respelled + mark;
}
