// The blobs of the vault: what each begins with, what its additional data binds, and the hash of a row. FORMAT.md §2 and §4.
import { canonicalBytes, type Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, randomBytes, sodium } from '../../seal/sodium.ts';

/** The version of the whole format: of what `meta` says and of every blob's first byte. */
export const FORMAT_VERSION = 1;
/** The version of each record's JSON, as it is written now. */
export const RECORD_SCHEMA = 1;
export const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const HEADER_BYTES = 1 + NONCE_BYTES;

/** What a record's additional data binds. `epoch` is empty for records of the service half. */
export interface RecordPlace {
  readonly vault: string;
  readonly table: string;
  readonly row: string;
  readonly kind: string;
  /** Of the record's JSON. */
  readonly schema: number;
  readonly version: number;
  readonly epoch: string;
}

/** Seals `plain`: version byte, nonce, XChaCha20-Poly1305. `nonce` is given by tests alone. */
export function sealBlob(
  key: Uint8Array,
  plain: Uint8Array,
  binding: Json,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Uint8Array {
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, canonicalBytes(binding), null, nonce, key);
  const blob = new Uint8Array(HEADER_BYTES + sealed.length);
  blob[0] = FORMAT_VERSION;
  blob.set(nonce, 1);
  blob.set(sealed, HEADER_BYTES);
  return blob;
}

/** What `sealBlob` sealed, or undefined when key, binding or a single bit differ. */
export function openBlob(key: Uint8Array, blob: Uint8Array, binding: Json): Uint8Array | undefined {
  if (blob[0] !== FORMAT_VERSION || blob.length < HEADER_BYTES + 16) return undefined;
  const nonce = blob.subarray(1, HEADER_BYTES);
  try {
    const sealed = blob.subarray(HEADER_BYTES);
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, canonicalBytes(binding), nonce, key);
  } catch {
    return undefined; // libsodium throws on a wrong tag
  }
}

/** In the order of the canonical form, which makes that cheap. */
function bindingOf({ epoch, kind, row, schema, table, vault, version }: RecordPlace): Json {
  return { epoch, kind, row, schema, table, vault, version };
}

/** Seals the canonical form of `value` for its place. */
export function sealRecord(key: Uint8Array, value: object, place: RecordPlace, nonce?: Uint8Array): Uint8Array {
  return sealBlob(key, canonicalBytes(value as Json), bindingOf(place), nonce);
}

/** @throws WardlineError `record-damaged` */
export function openRecord<Value>(key: Uint8Array, blob: Uint8Array, place: RecordPlace): Value {
  const plain = openBlob(key, blob, bindingOf(place));
  if (plain === undefined) throw damaged(place.table);
  return JSON.parse(Buffer.from(plain).toString('utf8')) as Value;
}

/** The hash that the trail keeps of a row: its ciphertext, then the canonical form of the columns that are in clear. */
export function rowHash(body: Uint8Array, clear: Json): string {
  return Buffer.from(blake2b(Buffer.concat([blake2b(body), canonicalBytes(clear)]))).toString('hex');
}

export function damaged(table: string): WardlineError {
  return new WardlineError(
    'record-damaged',
    `A row of ${table} was changed outside of the vault; run \`wardline audit verify\` and restore it from a backup.`,
  );
}
