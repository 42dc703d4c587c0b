// The worked example of FORMAT.md §13 says what the code does: each of its values is made anew from the fixed keys that it names.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { genesisLink, macInput, nextLink } from '../../src/audit/chain.ts';
import { headText, signHead } from '../../src/audit/head.ts';
import { canonicalBytes, canonicalText } from '../../src/kernel/canonical.ts';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { chunkBinding } from '../../src/seal/segment.ts';
import { blake2b, sodium } from '../../src/seal/sodium.ts';
import { RowWriter } from '../../src/vault/backup/row-file.ts';
import { closingHash } from '../../src/vault/captured/artifact-rows.ts';
import { RunningSum } from '../../src/vault/captured/audio-sum.ts';
import { argon2id } from '../../src/vault/keys/argon2.ts';
import { rowHash, sealBlob, sealRecord } from '../../src/vault/keys/format.ts';
import { blindDigest, deriveRecordsKeyPair, deriveServiceKeys } from '../../src/vault/keys/purpose-keys.ts';
import { parseRecoveryCode } from '../../src/vault/keys/recovery-code.ts';
import { slotColumns, wrapSlot } from '../../src/vault/keys/slots.ts';
import { bindingOf, describeEpoch } from '../../src/vault/store/epochs.ts';
import { StateDigest } from '../../src/vault/store/state-digest.ts';

const FORMAT = join(import.meta.dirname, '../../src/vault/FORMAT.md');
const VAULT = 'vaultvaultvaultvaultvault2';
const ROW = 'rowrowrowrowrowrowrowrow22';
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const text = (string: string) => new Uint8Array(Buffer.from(string, 'utf8'));
/** Bytes that count up. */
const counting = (from: number, length: number) => Uint8Array.from({ length }, (_, index) => from + index);
const [service, records, key, nonce] = [counting(0x10, 32), counting(0x40, 32), counting(0x80, 32), counting(0, 24)];
const keys = deriveServiceKeys(service);
const pair = deriveRecordsKeyPair(records);

/** What the document says, by name. */
function written(): Map<string, string> {
  const section = readFileSync(FORMAT, 'utf8').split('\n## 13.')[1] ?? '';
  const rows = [...section.matchAll(/^- (?<name>[^:`]+): `(?<value>[^`]*)`$/gm)];
  return new Map(rows.map(({ groups }) => [groups?.name ?? '', groups?.value ?? '']));
}

async function slotValues(): Promise<Record<string, string>> {
  const both = { opens: 'both', parameters: { stretch: 'blake2b' } } as const;
  const keyFile = `wardline-key-1:${Buffer.from(key).toString('base64')}\n`;
  const code = '0123-4567-89AB-CDEF-GHJK-MNPQ-RS';
  const check = blake2b(text('wardline-recovery-1:0123456789ABCDEFGHJKMNPQRS'));
  const symbols = [...check.subarray(0, 2)].map((byte) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[byte & 31]).join('');
  const slot = { id: ROW, kind: 'key-file', ...both } as const;
  const wrapped = async (kind: 'key-file' | 'recovery', secret: string) =>
    hex((await wrapSlot(VAULT, { ...slot, kind }, secret, { service, records }, nonce)).wrapped);
  const cost = { passes: 1, memoryKib: 1024, parallelism: 1 };
  return {
    'the check symbols': symbols,
    "the code's symbols as a key": hex(parseRecoveryCode(`${code}${symbols}`)),
    'wrapped, key file': await wrapped('key-file', keyFile),
    'wrapped, recovery': await wrapped('recovery', `${code}${symbols}`),
    'row hash of the slot': rowHash(text('wrapped'), slotColumns(slot)),
    Argon2id: hex(await argon2id('correct horse', counting(0, 16), cost, 32)),
  };
}

function recordValues(): Record<string, string> {
  const place = { vault: VAULT, table: 'calls', row: ROW, kind: 'cdr', schema: 1, version: 1, epoch: 'cdr-2026-11-1' };
  const epoch = { id: 'cdr-2026-11-1', class: 'cdr', month: '2026-11', public: pair.publicKey } as const;
  const mac = blake2b(canonicalBytes(bindingOf(epoch, VAULT)), keys.epochMac);
  const adopted = { epoch: epoch.id, owner: 'calls', purpose: 'wardline-key-1', row: ROW, vault: VAULT };
  const state = new StateDigest(keys.state);
  const described = describeEpoch({ ...epoch, mac, secret: null });
  state.add(described);
  state.add({ table: 'settings', row: 'clinic', version: 2, hash: rowHash(text('body'), []) });
  return {
    record: hex(sealRecord(key, { b: 'ü', a: 1 }, place, nonce)),
    'row hash of a call': rowHash(text('body'), { columns: {}, terms: ['00ff'] }),
    'row hash of a service record': rowHash(text('body'), ['login:00ff']),
    'MAC of an epoch': hex(mac),
    'row hash of the epoch, destroyed': described.hash,
    'adopted key': hex(sealBlob(pair.publicKey, key, adopted, nonce)),
    'state of both rows': state.hex,
    "digest of a call's number": hex(blindDigest(keys, 'calls/number', '15555550142')),
    'blind row id': hex(blindDigest(keys, 'row/credentials', '1001')).slice(0, 32),
  };
}

function audioValues(): Record<string, string> {
  const artifact = 'artifactartifactartifact22';
  const chunk = {
    artifact,
    segment: 1,
    chunk: 2,
    first_sample: 480_320,
    samples: 160,
    final: 2,
    body: text('ciphertext'),
  };
  const sum = new RunningSum(artifact);
  const start = hex(sum.tags);
  sum.addSegment({ artifact, segment: 1, first_sample: 480_000, header: counting(0, 24) } as never);
  const segment = hex(sum.tags);
  sum.addChunk(chunk as never);
  const place = { artifactId: artifact, segment: 1, chunk: 2, firstSample: 480_320, samples: 160 };
  const closing = {
    ...{ artifact, kind: 'recording', mailbox: null, state: 'complete', duration_ms: 60_060 },
    ...{ samples: 480_480, segments: 2, chunks: 3, tags: text('tags') },
  };
  return {
    'additional data of a chunk': hex(chunkBinding({ ...place, encoding: 'l16-16000', channels: 2, ends: 2 })),
    't at the start': start,
    't after a segment': segment,
    't after a chunk': hex(sum.tags),
    'row hash of the closing': closingHash(closing as never),
  };
}

function trailValues(): Record<string, string> {
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(key);
  const link = nextLink(genesisLink(VAULT, blake2b), text('sealed'), blake2b);
  const fields = { vaultId: VAULT, sequence: 1, link: hex(link), at: 1_700_000_000_000 as UtcMs };
  const sign = (message: Uint8Array) => sodium.crypto_sign_detached(message, privateKey);
  const head = signHead({ ...fields, publicKey: Buffer.from(publicKey).toString('base64') }, sign);
  return {
    'link before the first': hex(genesisLink(VAULT, blake2b)),
    'link of the first': hex(link),
    'MAC of the first': hex(blake2b(macInput(1, link), keys.auditMac)),
    head: headText(head),
  };
}

function rowFileValues(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-rows-'));
  try {
    const path = join(folder, 'rows');
    using writer = new RowWriter(path, { first: ['a'], second: ['a', 'b', 'c', 'd'] });
    writer.put('second', [null, 258, 'ü', counting(1, 3)]);
    const { hash } = writer.finish();
    return { 'file of rows': hex(readFileSync(path)), 'its hash': hash };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

t.test('every value of the worked example is what the code makes', async (t) => {
  const made: Record<string, string> = {
    ...Object.fromEntries(Object.entries(keys).map(([name, value]) => [`key ${name}`, hex(value)])),
    'records public key': hex(pair.publicKey),
    'records private key': hex(pair.privateKey),
    ...(await slotValues()),
    ...recordValues(),
    ...audioValues(),
    ...trailValues(),
    ...rowFileValues(),
  };
  if (process.env.WARDLINE_SHOW) for (const [name, value] of Object.entries(made)) t.comment(`- ${name}: \`${value}\``);
  t.same(Object.fromEntries(written()), made);
  t.equal(canonicalText({ b: 1, a: 'ü' }), '{"a":"ü","b":1}');
});
