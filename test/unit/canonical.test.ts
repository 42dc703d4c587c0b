// Canonical JSON: what takes the short way comes out as RFC 8785's own author has it.
import canonicalizeJson from 'canonicalize';
import t from 'tap';
import { canonicalText, type Json } from '../../src/kernel/canonical.ts';

const VALUES: readonly Json[] = [
  {},
  { epoch: 'cdr-2026-01-1', kind: 'cdr', row: 'abc', schema: 1, table: 'calls', vault: 'x', version: 1 },
  { version: 1, vault: 'x', row: '"\\\u0000\u007f\u2028é€😀/' },
  { a: -0, b: Number.MAX_SAFE_INTEGER, c: 1e21, d: 0.1, e: 1e-7 },
  { '': 1, a: '', '\ud83d\ude00': 1, '\ufb33': 2 },
  { 10: 'a', 9: 'b', a: true, b: null, c: undefined },
  { a: { z: 1, b: [3, 2, { d: 1, c: 2 }] } },
  ['b', 'a'],
  'text',
  7,
  null,
];

t.test('an object in order is written as the library writes it, and so is any other', async (t) => {
  for (const value of VALUES) t.equal(canonicalText(value), canonicalizeJson(value));
  for (const lone of [{ a: '\ud800' }, { '\ud800': 1 }]) {
    const library = outcomeOf(() => canonicalizeJson(lone));
    t.equal(
      outcomeOf(() => canonicalText(lone)),
      library,
      'half a character is left to the library',
    );
  }
});

function outcomeOf(write: () => string | undefined): string {
  try {
    return String(write());
  } catch (thrown) {
    return `throws ${String(thrown)}`;
  }
}
