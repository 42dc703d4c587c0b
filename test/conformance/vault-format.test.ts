// The vault's format holds still: fixed bytes open as FORMAT.md says, and every flawed file is refused.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ChainVerifier, macInput } from '../../src/audit/chain.ts';
import { parseHead, parseKeyChange } from '../../src/audit/head.ts';
import { canonicalBytes, type Json } from '../../src/kernel/canonical.ts';
import { type Ends, SegmentOpener } from '../../src/seal/segment.ts';
import { blake2b, isEqual, sodium } from '../../src/seal/sodium.ts';
import { type Closing, closingHash } from '../../src/vault/captured/artifact-rows.ts';
import { type ChunkRow, RunningSum } from '../../src/vault/captured/audio-sum.ts';
import { firstMisplaced, type Placed } from '../../src/vault/checks/row-order.ts';
import { openBlob, openRecord, type RecordPlace, rowHash } from '../../src/vault/keys/format.ts';
import { blindDigest, deriveRecordsKeyPair, deriveServiceKeys } from '../../src/vault/keys/purpose-keys.ts';
import { parseRecoveryCode } from '../../src/vault/keys/recovery-code.ts';
import { openSlot, type Slot } from '../../src/vault/keys/slots.ts';
import { bindingOf, describeEpoch, openSecret } from '../../src/vault/store/epochs.ts';
import { StateDigest } from '../../src/vault/store/state-digest.ts';

const FOLDER = join(import.meta.dirname, 'vault-vectors');
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const base64 = (raw: Uint8Array) => Buffer.from(raw).toString('base64');

interface KeysVector {
  readonly service: string;
  readonly records: string;
  readonly purposes: Readonly<Record<string, string>>;
  readonly recordsPublicKey: string;
  readonly blind: string;
}
interface SlotVector {
  readonly vault: string;
  readonly slot: Omit<Slot, 'wrapped'> & { readonly wrapped: string };
  readonly secret: string;
  readonly halves: { readonly service: string; readonly records?: string };
}
interface RecordVector {
  readonly key: string;
  readonly place: RecordPlace;
  readonly blob: string;
  readonly value: object;
}
interface SegmentVector {
  readonly epochPrivateKey: string;
  readonly epochPublicKey: string;
  readonly artifactId: string;
  readonly segment: number;
  readonly encoding: 'ulaw-8000';
  readonly channels: 1;
  readonly sealedKey: string;
  readonly header: string;
  readonly chunks: readonly { chunk: number; firstSample: number; samples: number; ends: Ends; body: string }[];
  readonly audio: string;
}
interface TrailVector {
  readonly vault: string;
  readonly auditSeal: string;
  readonly auditMac: string;
  readonly head: { readonly sequence: number; readonly link: string };
  readonly firstBad: number | null;
  readonly entries: readonly { sequence: number; sealed: string; link: string; mac: string }[];
}

interface ClosingVector {
  readonly artifactId: string;
  readonly closing: Omit<Closing, 'artifact' | 'tags' | 'entry'>;
  readonly hash: string;
  readonly segments: readonly { segment: number; first_sample: number; header: string }[];
  readonly stored: readonly (Omit<ChunkRow, 'body'> & { body: string })[];
  readonly tags: string;
}
interface EpochVector {
  readonly vault: string;
  readonly service: string;
  readonly records: string;
  readonly row: Readonly<Record<'id' | 'month' | 'public' | 'mac' | 'secret', string>> & { readonly class: 'cdr' };
  readonly hash: string;
  readonly keyRow: Readonly<Record<string, string>>;
  readonly adopted: string;
  readonly key: string;
}
interface RowsVector {
  readonly vault: string;
  readonly service: string;
  readonly body: string;
  readonly rows: readonly { table: string; row: string; version: number; clear: Json; hash: string }[];
  readonly state: string;
  readonly identity: Json;
  readonly identityMac: string;
  readonly root: Readonly<Record<string, Json>>;
  readonly sealed: string;
  readonly half: string;
}

/** Each answers `ok`, `refused`, or for a segment without its end `cut-off`. */
const READERS: Record<string, (vector: never, t: Test) => string | Promise<string>> = {
  keys: ({ service, records, purposes, recordsPublicKey, blind }: KeysVector) => {
    const keys = deriveServiceKeys(bytes(service));
    const isSame = Object.entries(keys).every(([purpose, key]) => purposes[purpose] === base64(key));
    const isPair = base64(deriveRecordsKeyPair(bytes(records)).publicKey) === recordsPublicKey;
    const isBlind = base64(blindDigest(keys, 'calls/number', '15555550142')) === blind;
    return isSame && isPair && isBlind ? 'ok' : 'refused';
  },
  slot: async ({ vault, slot, secret, halves }: SlotVector) => {
    const opened = await openSlot(vault, { ...slot, wrapped: bytes(slot.wrapped) }, secret);
    const isRight = opened && base64(opened.service) === halves.service;
    return isRight && (opened.records && base64(opened.records)) === halves.records ? 'ok' : 'refused';
  },
  record: ({ key, place, blob, value }: RecordVector) => {
    try {
      return JSON.stringify(openRecord(bytes(key), bytes(blob), place)) === JSON.stringify(value) ? 'ok' : 'wrong';
    } catch {
      return 'refused';
    }
  },
  segment: (vector: SegmentVector) => {
    const { artifactId, segment, encoding, channels, chunks, audio } = vector;
    const key = sodium.crypto_box_seal_open(
      bytes(vector.sealedKey),
      bytes(vector.epochPublicKey),
      bytes(vector.epochPrivateKey),
    );
    using opener = new SegmentOpener(key, bytes(vector.header));
    let heard = Buffer.alloc(0);
    let ends: Ends = 0;
    for (const { body, ...place } of chunks) {
      const part = opener.open(bytes(body), { artifactId, segment, encoding, channels, ...place });
      if (part === undefined) return 'refused';
      heard = Buffer.concat([heard, part]);
      ends = place.ends;
    }
    if (ends === 0) return 'cut-off';
    return heard.toString('base64') === audio ? 'ok' : 'wrong';
  },
  closing: ({ artifactId, closing, hash, segments, stored, tags }: ClosingVector) => {
    const sum = new RunningSum(artifactId);
    for (const row of segments) {
      sum.addSegment({ ...row, header: bytes(row.header) });
      for (const chunk of stored.filter(({ segment }) => segment === row.segment))
        sum.addChunk({ ...chunk, body: bytes(chunk.body) });
    }
    const { total } = sum;
    const isSame = base64(total.tags) === tags && total.isWhole && total.samples === closing.samples;
    return isSame && closingHash({ artifact: artifactId, ...closing, tags: total.tags }) === hash ? 'ok' : 'refused';
  },
  order: ({ rows }: { rows: readonly Placed[] }) =>
    firstMisplaced([...rows].sort((a, b) => a.seq - b.seq)) === undefined ? 'ok' : 'refused',
  epoch: ({ vault, service, records, row, hash, keyRow, adopted, key }: EpochVector) => {
    const { epochMac } = deriveServiceKeys(bytes(service));
    const stored = { ...row, public: bytes(row.public), mac: bytes(row.mac), secret: bytes(row.secret) };
    const binding = bindingOf(stored, vault);
    if (!isEqual(blake2b(canonicalBytes(binding), epochMac), stored.mac)) return 'refused';
    const secrets = openSecret(stored, binding, deriveRecordsKeyPair(bytes(records)), epochMac);
    if (secrets === undefined || describeEpoch(stored).hash !== hash) return 'refused';
    const opened = openBlob(secrets.wrapKey, bytes(adopted), { purpose: 'wardline-key-1', vault, ...keyRow });
    return opened && base64(opened) === key ? 'ok' : 'refused';
  },
  rows: ({ vault, service, body, rows, state, identity, identityMac, root, sealed, half }: RowsVector) => {
    const keys = deriveServiceKeys(bytes(service));
    const digest = new StateDigest(keys.state);
    const areSame = rows.every(({ clear, hash }) => rowHash(bytes(body), clear) === hash);
    for (const { table, row, version, hash } of rows) digest.add({ table, row, version, hash });
    const isIdentity = isEqual(blake2b(canonicalBytes(identity), keys.meta), bytes(identityMac));
    const opened = openBlob(keys.records, bytes(sealed), { purpose: 'wardline-root-1', vault, ...root });
    const isRoot = opened !== undefined && base64(opened) === half;
    return areSame && digest.hex === state && isIdentity && isRoot ? 'ok' : 'refused';
  },
  head: ({ signed }: { readonly signed: object }) => {
    const check = sodium.crypto_sign_verify_detached;
    const text = JSON.stringify(signed);
    return (parseHead(text, check) ?? parseKeyChange(text, check)) === undefined ? 'refused' : 'ok';
  },
  trail: ({ vault, auditSeal, auditMac, head, firstBad, entries }: TrailVector, t) => {
    const verifier = new ChainVerifier({
      vaultId: vault,
      hash: blake2b,
      heads: [{ sequence: head.sequence, link: bytes(head.link) }],
      isMacGood: ({ sequence, link, mac }) => isEqual(blake2b(macInput(sequence, link), bytes(auditMac)), mac),
    });
    for (const { sequence, sealed, link, mac } of entries) {
      const entry = { sequence, sealed: bytes(sealed), link: bytes(link), mac: bytes(mac) };
      const binding = { purpose: 'wardline-trail-1', vault, sequence };
      if (verifier.push(entry)) t.ok(openBlob(bytes(auditSeal), entry.sealed, binding), `entry ${sequence} opens`);
    }
    verifier.finish();
    t.equal(verifier.firstBad?.sequence ?? null, firstBad, 'the first bad entry is named');
    return verifier.firstBad === undefined ? 'ok' : 'refused';
  },
};

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
  t.test(name, async (t) => {
    const vector = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as { type: string; expect: string };
    t.equal(await READERS[vector.type]?.(vector as never, t), vector.expect);
  });
}

t.test('a recovery code is read however it is written, and a mistyped one is told from a wrong one', async (t) => {
  const code = '0123-4567-89AB-CDEF-GHJK-MNPQ-RS27';
  const { secret } = JSON.parse(readFileSync(join(FOLDER, 'slot-recovery.json'), 'utf8')) as SlotVector;
  t.equal(secret, code);
  const expected = Buffer.from('0123456789ABCDEFGHJKMNPQRS', 'ascii');
  for (const written of [
    code,
    code.toLowerCase(),
    code.replaceAll('-', ' '),
    code.replace('0', 'o').replace('1', 'l'),
  ]) {
    t.same(parseRecoveryCode(written), expected, written);
  }
  t.throws(() => parseRecoveryCode(code.replace('2', '3')), { code: 'code-mistyped' });
  t.throws(() => parseRecoveryCode(''), { code: 'code-mistyped' });
});

const PYTHON = ['/usr/bin/python3', '-c', 'import nacl.bindings'] as const;
const hasPython = spawnSync(PYTHON[0], PYTHON.slice(1)).status === 0;

t.test(
  'a reader in another language, written from FORMAT.md, agrees on every vector',
  { skip: !hasPython && 'no python3-nacl here' },
  async (t) => {
    const reader = join(import.meta.dirname, 'vault-reader.py');
    const { stdout } = spawnSync(PYTHON[0], [reader, FOLDER], { encoding: 'utf8' });
    const expected = readdirSync(FOLDER)
      .sort()
      .map((name) => `${name} ${(JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as { expect: string }).expect}`);
    t.same(stdout.trim().split('\n').sort(), expected.sort());
  },
);
