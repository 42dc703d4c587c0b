// The chain and its verifier: an altered, removed, reordered, inserted or cut-off entry is found, the first bad one named, without secrets.
import t from 'tap';
import { type ChainEntry, ChainVerifier, genesisLink, nextLink } from '../../src/audit/chain.ts';
import { headText, parseHead, positionOf, signHead } from '../../src/audit/head.ts';
import { blake2b, sodium } from '../../src/seal/sodium.ts';

const VAULT = 'v'.repeat(26);

function chain(length: number, salt = ''): ChainEntry[] {
  let link = genesisLink(VAULT, blake2b);
  return Array.from({ length }, (_, index) => {
    const sealed = Buffer.from(`entry ${index + 1}${salt}`);
    link = nextLink(link, sealed, blake2b);
    return { sequence: index + 1, sealed, link, mac: new Uint8Array(32) };
  });
}

function verify(entries: readonly ChainEntry[], heads: readonly ChainEntry[] = []) {
  const verifier = new ChainVerifier({ vaultId: VAULT, hash: blake2b, heads });
  for (const entry of entries) verifier.push(entry);
  verifier.finish();
  return verifier;
}

t.test('a whole chain is good, and names its length and last link', async (t) => {
  const entries = chain(10);
  const verifier = verify(entries, [entries[4]!, entries[9]!]);
  t.equal(verifier.firstBad, undefined);
  t.equal(verifier.entries, 10);
  t.same(verifier.link, entries[9]!.link);
});

const good = chain(10);
const flaws: readonly [string, ChainEntry[], number][] = [
  ['altered', good.with(3, { ...good[3]!, sealed: Buffer.from('something else') }), 4],
  ['removed', good.toSpliced(3, 1), 4],
  ['reordered', good.with(3, good[4]!).with(4, good[3]!), 4],
  ['inserted', good.toSpliced(3, 0, { ...good[3]!, sealed: Buffer.from('more') }), 4],
  ['cut off', good.slice(0, 7), 8],
  ['rewritten from an entry on, links and all', [...good.slice(0, 3), ...chain(10, '!').slice(3)], 4],
];
for (const [flaw, entries, sequence] of flaws) {
  t.test(`an entry that is ${flaw} is named`, async (t) => {
    t.equal(verify(entries, [good[9]!]).firstBad?.sequence, sequence);
  });
}

t.test('a chain that was made anew from the beginning differs from a head that left', async (t) => {
  const { firstBad } = verify(chain(10, '!'), [good[5]!]);
  t.equal(firstBad?.sequence, 6);
  t.match(firstBad?.problem, /head/);
});

t.test('a head is believed only with its signature', async (t) => {
  const { publicKey, privateKey } = sodium.crypto_sign_keypair();
  const fields = {
    ...{ vaultId: VAULT, sequence: 10, link: Buffer.from(good[9]!.link).toString('hex'), at: 0 },
    publicKey: Buffer.from(publicKey).toString('base64'),
  };
  const text = headText(signHead(fields, (message) => sodium.crypto_sign_detached(message, privateKey)));
  const check = sodium.crypto_sign_verify_detached;
  const head = parseHead(text, check);
  t.same(head && positionOf(head).sequence, 10);
  t.equal(parseHead(text.replace('"sequence":10', '"sequence":11'), check), undefined);
  for (const scrap of ['', '{}', 'null', '[1]', '{"format":"wardline-head-1"}'])
    t.equal(parseHead(scrap, check), undefined);
});
