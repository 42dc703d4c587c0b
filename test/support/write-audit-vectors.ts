// Writes test/conformance/audit-vectors anew: copies of a trail made with fixed keys, one flaw a file. Run only when the format gets a
// new version: node test/support/write-audit-vectors.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { genesisLink, nextLink } from '../../src/audit/chain.ts';
import type { SealedEntryContent } from '../../src/audit/entry.ts';
import { entryLine, headerLine } from '../../src/audit/export.ts';
import { headText, signHead, signKeyChange } from '../../src/audit/head.ts';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { blake2b, sodium } from '../../src/seal/sodium.ts';

const FOLDER = join(import.meta.dirname, '../conformance/audit-vectors');
const VAULT = 'vectorvectorvectorvector22';
const AT = 1_772_000_000_000 as UtcMs;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function signer(seed: number) {
  const { privateKey, publicKey } = sodium.crypto_sign_seed_keypair(new Uint8Array(32).fill(seed));
  return {
    publicKey: base64(publicKey),
    sign: (message: Uint8Array) => sodium.crypto_sign_detached(message, privateKey),
  };
}

const [own, next, foreign] = [signer(1), signer(2), signer(3)];

interface Trail {
  readonly entries: readonly { sequence: number; sealed: Uint8Array; link: Uint8Array; entry: SealedEntryContent }[];
}

/** `salt` makes every entry from `from` on another one. */
function trail(length: number, { from = 1, salt = '' } = {}): Trail {
  let link = genesisLink(VAULT, blake2b);
  const entries = Array.from({ length }, (_, index) => {
    const sequence = index + 1;
    const sealed = Buffer.from(`sealed bytes of entry ${sequence}${sequence >= from ? salt : ''}`);
    link = nextLink(link, sealed, blake2b);
    const actor = { kind: 'user', id: 'user1', login: 'ada' } as const;
    const about = { subject: 'artifact1', detail: `of +15555550142, the ${sequence}th` };
    const entry: SealedEntryContent = {
      ...{ sequence, at: (AT + sequence * 1000) as UtcMs, action: 'artifact-played', actor, address: '192.0.2.7' },
      ...{ outcome: 'ok', ...about, rows: [] },
    };
    return { sequence, sealed, link, entry };
  });
  return { entries };
}

function exportOf({ entries }: Trail, { from = 1, until = entries.length, by = own, at = AT + 60_000 } = {}): string[] {
  const { publicKey, sign } = by;
  const linkOf = (sequence: number) => (sequence === 0 ? genesisLink(VAULT, blake2b) : entries[sequence - 1]!.link);
  const fields = { vaultId: VAULT, publicKey, at, from, until, total: entries.length };
  const header = headerLine({ ...fields, previous: hex(linkOf(from - 1)) }, sign);
  const lines = entries.slice(from - 1, until).map(({ sequence, sealed, link, entry }) => {
    return entryLine(VAULT, { sequence, entry, sealed: base64(sealed), link: hex(link) }, sign);
  });
  const head = { vaultId: VAULT, sequence: until, link: hex(linkOf(until)), at, publicKey };
  return [header, ...lines, headText(signHead(head, sign))];
}

function headOf({ entries }: Trail, sequence: number, by = own): string {
  const link = hex(entries[sequence - 1]!.link);
  const fields = { vaultId: VAULT, sequence, link, at: AT + sequence * 1000, publicKey: by.publicKey };
  return headText(signHead(fields, by.sign));
}

function keyChange({ entries }: Trail, sequence: number): string {
  const link = hex(entries[sequence - 1]!.link);
  const fields = { vaultId: VAULT, sequence, link, at: AT, publicKey: own.publicKey, next: next.publicKey };
  return headText(signKeyChange(fields, own.sign));
}

function write(name: string, lines: readonly string[], heads: readonly string[], expect: string): void {
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify({ expect, heads, lines }, null, 2)}\n`);
}

const whole = trail(8);
const good = exportOf(whole);
const heads = [headOf(whole, 5), headOf(whole, 8)];
const forged = exportOf(trail(8, { from: 4, salt: '!' }), { by: foreign })[4]!;

write('whole', good, heads, 'ok 1-8 attested 8');
write('part', exportOf(whole, { from: 3, until: 6 }), heads, 'ok 3-6 attested 5');
write('newer-head', exportOf(whole, { at: AT + 8_500 }), [headOf(trail(9), 9)], 'ok 1-8 attested 0');
const changed = [headOf(whole, 5), keyChange(whole, 6), headOf(whole, 8, next)];
write('after-rotation', exportOf(whole, { by: next }), changed, 'ok 1-8 attested 8');
write('altered', good.with(4, good[4]!.replace('the 4th', 'the 5th')), heads, 'altered 4');
write('altered-sealed', good.with(4, good[4]!.replace(/"sealed":"c/, '"sealed":"d')), heads, 'altered 4');
write('no-json', good.with(4, 'x'), heads, 'altered 4');
write('removed', good.toSpliced(4, 1), heads, 'removed 4');
write('removed-first', good.toSpliced(1, 1), heads, 'removed 1');
write('reordered', good.with(4, good[5]!).with(5, good[4]!), heads, 'reordered 4');
write('inserted', good.toSpliced(4, 0, forged), heads, 'inserted 4');
write('inserted-twice', good.toSpliced(4, 0, good[3]!), heads, 'inserted 4');
write('replaced', good.with(4, forged), heads, 'altered 4');
write('cut-off', good.slice(0, 6), heads, 'cut-off 6');
write('cut-off-before-head', [...good.slice(0, 6), good[9]!], heads, 'cut-off 6');
write('cut-off-head-alone', good.slice(0, 9), heads, 'cut-off 9');
write('cut-off-other-head', [...good.slice(0, 9), headOf(whole, 5)], heads, 'altered 9');
write('shortened-trail', exportOf(trail(6)), heads, 'cut-off 7');
write('rewritten-trail', exportOf(trail(8, { from: 3, salt: '!' })), heads, 'other-trail 5');
write('another-trail', exportOf(trail(8, { from: 1, salt: '?' })), heads, 'other-trail 5');
write('foreign-key', exportOf(whole, { by: foreign }), heads, 'foreign-key 0');
write(
  'foreign-key-with-its-head',
  exportOf(whole, { by: foreign }),
  [...heads, headOf(whole, 8, foreign)],
  'foreign-key 0',
);
write('header-altered', good.with(0, good[0]!.replace('"until":8', '"until":5')), heads, 'no-export 0');
write('header-missing', good.slice(1), heads, 'no-export 0');
write('more-after-the-head', [...good, good[8]!], heads, 'inserted 9');
