// Writes test/conformance/vault-vectors anew: only when a format gets a new version. Run: node test/support/write-vault-vectors.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { genesisLink, macInput, nextLink } from '../../src/audit/chain.ts';
import { signHead, signKeyChange } from '../../src/audit/head.ts';
import { canonicalBytes, type Json } from '../../src/kernel/canonical.ts';
import { type Ends, SegmentSealer } from '../../src/seal/segment.ts';
import { blake2b, sodium } from '../../src/seal/sodium.ts';
import { closingHash } from '../../src/vault/captured/artifact-rows.ts';
import { RunningSum } from '../../src/vault/captured/audio-sum.ts';
import { rowHash, sealBlob, sealRecord } from '../../src/vault/keys/format.ts';
import { blindDigest, deriveRecordsKeyPair, deriveServiceKeys } from '../../src/vault/keys/purpose-keys.ts';
import { type Slot, wrapSlot } from '../../src/vault/keys/slots.ts';
import { bindingOf, describeEpoch, sealSecret } from '../../src/vault/store/epochs.ts';
import { StateDigest } from '../../src/vault/store/state-digest.ts';

const FOLDER = join(import.meta.dirname, '../conformance/vault-vectors');
const VAULT = 'vectorvectorvectorvector22';
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytes = (length: number, from: number) => Uint8Array.from({ length }, (_, index) => (from + index) & 0xff);
const service = bytes(32, 0x10);
const records = bytes(32, 0x40);
const keys = deriveServiceKeys(service);

function write(name: string, vector: Json): void {
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}

function flipped(blob: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(blob);
  copy[at]! ^= 1;
  return copy;
}

function writeKeys(): void {
  const purposes = Object.fromEntries(Object.entries(keys).map(([purpose, key]) => [purpose, base64(key)]));
  const recordsPublicKey = base64(deriveRecordsKeyPair(records).publicKey);
  const blind = base64(blindDigest(keys, 'calls/number', '15555550142'));
  write('keys', {
    type: 'keys',
    expect: 'ok',
    service: base64(service),
    records: base64(records),
    purposes,
    recordsPublicKey,
    blind,
  });
}

function writeOrder(): void {
  const rows = [3, 5, 8, 9].map((entry, index) => ({ seq: index + 1, row: `row${entry}`, entry }));
  const vector = (expect: string, seqs: readonly number[]): Json => {
    return { type: 'order', expect, rows: rows.map((row, index) => ({ ...row, seq: seqs[index]! })) };
  };
  write('order', vector('ok', [1, 2, 3, 4]));
  write('order-gap', vector('ok', [1, 2, 6, 7]));
  write('order-swapped', vector('refused', [1, 3, 2, 4]));
  write('order-to-the-end', vector('refused', [9, 2, 3, 4]));
}

async function writeSlots(): Promise<void> {
  const keyFile = `wardline-key-1:${base64(bytes(32, 0x80))}\n`;
  const argon2 = { stretch: 'argon2id', salt: base64(bytes(16, 1)), operations: 2, memoryBytes: 8_388_608 } as const;
  const secrets = [
    ['key-file', 'both', { stretch: 'blake2b' }, keyFile],
    ['recovery', 'both', { stretch: 'blake2b' }, '0123-4567-89AB-CDEF-GHJK-MNPQ-RS27'],
    ['passphrase', 'service', argon2, 'correct horse battery staple'],
  ] as const;
  for (const [kind, opens, parameters, secret] of secrets) {
    const slot = await wrapSlot(
      VAULT,
      { id: `slot${kind}`, kind, opens, parameters },
      secret,
      { service, records },
      bytes(24, 7),
    );
    const vector = (expect: string, changed: Partial<Slot>, givenSecret: string = secret): Json => {
      const { wrapped, ...rest } = { ...slot, ...changed };
      const halves = { service: base64(service), ...(opens === 'both' && { records: base64(records) }) };
      return {
        type: 'slot',
        expect,
        vault: VAULT,
        slot: { ...rest, wrapped: base64(wrapped) } as unknown as Json,
        secret: givenSecret,
        halves,
      };
    };
    write(`slot-${kind}`, vector('ok', {}));
    if (kind !== 'key-file') continue;
    write('slot-wrong-secret', vector('refused', {}, `wardline-key-1:${base64(bytes(32, 0x81))}\n`));
    write('slot-other-id', vector('refused', { id: 'another' }));
    write('slot-says-service', vector('refused', { opens: 'service' }));
    write('slot-flipped-bit', vector('refused', { wrapped: flipped(slot.wrapped, 30) }));
  }
}

function writeRecords(): void {
  const key = bytes(32, 0xa0);
  const place = {
    vault: VAULT,
    table: 'calls',
    row: 'call1',
    kind: 'cdr',
    schema: 1,
    version: 1,
    epoch: 'cdr-2026-01-1',
  };
  const value = { from: '+15555550142', fromName: 'Quentin Canarybird', to: '1001' };
  const blob = sealRecord(key, value, place, bytes(24, 0x33));
  const vector = (expect: string, changed: object, body = blob): Json => {
    return { type: 'record', expect, key: base64(key), place: { ...place, ...changed }, blob: base64(body), value };
  };
  write('record', vector('ok', {}));
  write('record-flipped-bit', vector('refused', {}, flipped(blob, 40)));
  write('record-other-format', vector('refused', {}, flipped(blob, 0)));
  write('record-cut-short', vector('refused', {}, blob.subarray(0, blob.length - 1)));
  for (const [name, changed] of [
    ['row', { row: 'call2' }],
    ['table', { table: 'artifacts' }],
    ['version', { version: 2 }],
    ['epoch', { epoch: 'cdr-2026-02-1' }],
    ['vault', { vault: 'another' }],
  ] as const) {
    write(`record-other-${name}`, vector('refused', changed));
  }
}

function writeSegments(): void {
  const epoch = sodium.crypto_box_seed_keypair(bytes(32, 0x60));
  const artifactId = 'artifactartifactartifact22';
  const sealer = new SegmentSealer(epoch.publicKey);
  const stream = { artifactId, segment: 0, encoding: 'ulaw-8000', channels: 1 } as const;
  const audio = [bytes(160, 1), bytes(160, 90), bytes(40, 200)];
  const chunks = audio.map((part, chunk) => {
    const ends: Ends = chunk === 2 ? 2 : 0;
    const place = { chunk, firstSample: chunk * 160, samples: part.length, ends };
    return { ...place, body: base64(sealer.seal(part, { ...stream, ...place })) };
  });
  const vector = (expect: string, changed: object): Json => ({
    ...{ type: 'segment', expect, epochPrivateKey: base64(epoch.privateKey), epochPublicKey: base64(epoch.publicKey) },
    ...{ ...stream, sealedKey: base64(sealer.sealedKey), header: base64(sealer.header), chunks },
    ...{ audio: base64(Buffer.concat(audio)), ...changed },
  });
  const [first, second, last] = [chunks[0]!, chunks[1]!, chunks[2]!];
  write('segment', vector('ok', {}));
  write('segment-cut-off', vector('cut-off', { chunks: [first, second] }));
  write(
    'segment-swapped-chunks',
    vector('refused', { chunks: [{ ...first, body: second.body }, { ...second, body: first.body }, last] }),
  );
  write('segment-other-artifact', vector('refused', { artifactId: 'artifactartifactartifact23' }));
  write('segment-other-number', vector('refused', { segment: 1 }));
  write('segment-other-place', vector('refused', { chunks: [{ ...first, firstSample: 160 }, second, last] }));
  write('segment-other-end', vector('refused', { chunks: [first, second, { ...last, ends: 1 }] }));
  write('segment-missing-chunk', vector('refused', { chunks: [first, last] }));
  const bad = base64(flipped(Buffer.from(second.body, 'base64'), 50));
  write('segment-flipped-bit', vector('refused', { chunks: [first, { ...second, body: bad }, last] }));
}

function writeTrail(): void {
  let link = genesisLink(VAULT, blake2b);
  const entries = [1, 2, 3, 4].map((sequence) => {
    const actor = { kind: 'service', name: 'vault' };
    const content = {
      action: 'vault-opened',
      actor,
      address: '',
      outcome: 'ok',
      at: 1_767_625_200_000,
      sequence,
      rows: [],
      state: '0'.repeat(64),
    };
    const binding = { purpose: 'wardline-trail-1', vault: VAULT, sequence };
    const sealed = sealBlob(keys.auditSeal, canonicalBytes(content), binding, bytes(24, sequence));
    link = nextLink(link, sealed, blake2b);
    const mac = blake2b(macInput(sequence, link), keys.auditMac);
    return { sequence, sealed: base64(sealed), link: base64(link), mac: base64(mac) };
  });
  const secrets = { auditSeal: base64(keys.auditSeal), auditMac: base64(keys.auditMac) };
  const head = { sequence: 4, link: entries[3]!.link };
  const vector = (expect: string, firstBad: number | null, changed: typeof entries): Json => {
    return { type: 'trail', expect, vault: VAULT, ...secrets, head, firstBad, entries: changed };
  };
  const third = entries[2]!;
  const altered = { ...third, sealed: base64(flipped(Buffer.from(third.sealed, 'base64'), 60)) };
  write('trail', vector('ok', null, entries));
  write('trail-altered', vector('refused', 3, entries.with(2, altered)));
  write('trail-removed', vector('refused', 3, entries.toSpliced(2, 1)));
  write('trail-reordered', vector('refused', 2, entries.with(1, third).with(2, entries[1]!)));
  write('trail-cut-off', vector('refused', 4, entries.slice(0, 3)));
  write('trail-foreign-mac', vector('refused', 3, entries.with(2, { ...third, mac: entries[1]!.mac })));
}

function writeClosings(): void {
  const artifactId = 'artifactartifactartifact22';
  const segments = [
    { segment: 0, first_sample: 0, header: bytes(24, 1) },
    { segment: 1, first_sample: 480_000, header: bytes(24, 2) },
  ];
  const chunks = [
    { segment: 0, chunk: 0, first_sample: 0, samples: 4, final: 0, body: bytes(21, 3) },
    { segment: 0, chunk: 1, first_sample: 4, samples: 4, final: 1, body: bytes(21, 4) },
    { segment: 1, chunk: 0, first_sample: 480_000, samples: 0, final: 2, body: bytes(17, 5) },
  ];
  const sum = new RunningSum(artifactId);
  for (const segment of segments) {
    sum.addSegment(segment);
    for (const chunk of chunks.filter((each) => each.segment === segment.segment)) sum.addChunk(chunk);
  }
  const { tags, samples } = sum.total;
  const closing = { kind: 'voicemail', mailbox: null, state: 'complete', duration_ms: 60_000, samples } as const;
  const hash = closingHash({ artifact: artifactId, ...closing, segments: 2, chunks: 3, tags });
  const plainSegments = segments.map((row) => ({ ...row, header: base64(row.header) }));
  const plainChunks = chunks.map((row) => ({ ...row, body: base64(row.body) }));
  const vector = (expect: string, changed: object): Json => ({
    ...{ type: 'closing', expect, artifactId, closing: { ...closing, segments: 2, chunks: 3 }, hash },
    ...{ segments: plainSegments, stored: plainChunks, tags: base64(tags), ...changed },
  });
  const [first, second, last] = [plainChunks[0]!, plainChunks[1]!, plainChunks[2]!];
  write('closing', vector('ok', {}));
  const body = base64(flipped(chunks[0]!.body, 2)); // not in the chunk's last 16 bytes
  write('closing-flipped-bit', vector('refused', { stored: [{ ...first, body }, second, last] }));
  write('closing-other-end', vector('refused', { stored: [first, second, { ...last, final: 1 }] }));
  write(
    'closing-moved-segment',
    vector('refused', { segments: [plainSegments[0]!, { ...plainSegments[1]!, first_sample: 1 }] }),
  );
  write('closing-cut-off', vector('refused', { segments: [plainSegments[0]!], stored: [first, second] }));
}

function writeEpochs(): void {
  const pair = deriveRecordsKeyPair(records);
  const own = sodium.crypto_box_seed_keypair(bytes(32, 0x60));
  const wrapKey = bytes(32, 0x20);
  const row = { id: 'cdr-2026-01-1', class: 'cdr', month: '2026-01', public: own.publicKey } as const;
  const binding = bindingOf(row, VAULT);
  const secret = sealSecret({ privateKey: own.privateKey, wrapKey }, binding, keys.epochMac, pair.publicKey);
  const mac = blake2b(canonicalBytes(binding), keys.epochMac);
  const keyRow = { epoch: row.id, owner: 'calls', row: 'call1' };
  const adopted = sealBlob(
    wrapKey,
    bytes(32, 0xa0),
    { purpose: 'wardline-key-1', vault: VAULT, ...keyRow },
    bytes(24, 9),
  );
  const boxed = sodium.crypto_box_seal(bytes(32, 0xa0), own.publicKey);
  const hash = describeEpoch({ ...row, mac, secret }).hash;
  const vector = (expect: string, changed: object): Json => ({
    ...{ type: 'epoch', expect, vault: VAULT, service: base64(service), records: base64(records) },
    row: { ...row, public: base64(row.public), mac: base64(mac), secret: base64(secret), ...changed },
    ...{ hash, keyRow, adopted: base64(adopted), boxed: base64(boxed), key: base64(bytes(32, 0xa0)) },
  });
  write('epoch', vector('ok', {}));
  const forged = Buffer.concat([own.privateKey, wrapKey, blake2b(canonicalBytes(binding))]);
  write('epoch-foreign-secret', vector('refused', { secret: base64(sodium.crypto_box_seal(forged, pair.publicKey)) }));
  const other = { privateKey: bytes(32, 0x61), wrapKey };
  write(
    'epoch-other-pair',
    vector('refused', { secret: base64(sealSecret(other, binding, keys.epochMac, pair.publicKey)) }),
  );
  write('epoch-other-month', vector('refused', { month: '2026-02' }));
  write('epoch-foreign-mac', vector('refused', { mac: base64(blake2b(canonicalBytes(binding))) }));
}

/** Hashes and MACs that a start compares: rows, the digest of all, the identity, a former root. */
function writeRows(): void {
  const body = bytes(40, 0x77);
  const rows = [
    { table: 'settings', row: 'clinic', version: 3, clear: ['settings/a:00ff'] },
    { table: 'calls', row: 'call1', version: 1, clear: { columns: {}, terms: ['00ff'] } },
    { table: 'open_artifacts', row: 'artifact1', version: 1, clear: null },
  ].map(({ clear, ...row }) => ({ ...row, clear, hash: rowHash(body, clear) }));
  const digest = new StateDigest(keys.state);
  for (const { clear: _clear, ...row } of rows) digest.add(row);
  const identity = {
    auditPublicKey: 'AA==',
    createdAt: 1,
    format: 1,
    generation: 2,
    recordsPublicKey: 'AA==',
    vaultId: VAULT,
  };
  const root = { generation: 1, half: 'service', untilEntry: 12 };
  const sealed = sealBlob(
    keys.records,
    bytes(32, 0x11),
    { purpose: 'wardline-root-1', vault: VAULT, ...root },
    bytes(24, 3),
  );
  const vector = (expect: string, changed: object): Json => ({
    ...{
      type: 'rows',
      expect,
      vault: VAULT,
      service: base64(service),
      body: base64(body),
      rows: rows as Json,
      state: digest.hex,
    },
    ...{ identity, identityMac: base64(blake2b(canonicalBytes(identity), keys.meta)) },
    ...{ root, sealed: base64(sealed), half: base64(bytes(32, 0x11)), ...changed },
  });
  write('rows', vector('ok', {}));
  write('rows-older-version', vector('refused', { rows: rows.with(0, { ...rows[0]!, version: 2 }) as Json }));
  write('rows-one-missing', vector('refused', { rows: rows.slice(0, 2) as Json }));
  write('rows-other-generation', vector('refused', { identity: { ...identity, generation: 1 } }));
  write('rows-other-root', vector('refused', { root: { ...root, untilEntry: 13 } }));
}

function writeHeads(): void {
  const [first, next] = [1, 2].map((seed) => sodium.crypto_sign_seed_keypair(bytes(32, seed)));
  const sign = (message: Uint8Array) => sodium.crypto_sign_detached(message, first!.privateKey);
  const fields = { vaultId: VAULT, sequence: 4, link: '00'.repeat(32), at: 1, publicKey: base64(first!.publicKey) };
  const head = signHead(fields, sign);
  const change = signKeyChange({ ...fields, next: base64(next!.publicKey) }, sign);
  const vector = (expect: string, signed: object): Json => ({ type: 'head', expect, signed: signed as Json });
  write('head', vector('ok', head));
  write('head-other-sequence', vector('refused', { ...head, sequence: 5 }));
  write('head-key-change', vector('ok', change));
  write('head-key-change-other-next', vector('refused', { ...change, next: base64(first!.publicKey) }));
}

writeKeys();
writeOrder();
await writeSlots();
writeRecords();
writeSegments();
writeClosings();
writeEpochs();
writeRows();
writeHeads();
writeTrail();
