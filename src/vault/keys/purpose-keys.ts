// The keys of the service half, one for each purpose, and the key pair of the records half: crypto_kdf of the root. FORMAT.md §3.
import { blake2b, settled, sodium, wipe } from '../../seal/sodium.ts';
import { KEY_BYTES } from './format.ts';

const SERVICE_CONTEXT = 'wl-svc-1';
const RECORDS_CONTEXT = 'wl-rec-1';

/** Sub-key numbers; a number is never used again for something else. */
const SERVICE_PURPOSES = {
  records: 1,
  blind: 2,
  auditMac: 3,
  auditSeal: 4,
  epochMac: 5,
  state: 6,
  meta: 7,
  manifest: 8,
};

type ServicePurpose = keyof typeof SERVICE_PURPOSES;
export type ServiceKeys = Readonly<Record<ServicePurpose, Uint8Array>>;

export function deriveServiceKeys(serviceHalf: Uint8Array): ServiceKeys {
  const keys: Partial<Record<ServicePurpose, Uint8Array>> = {};
  for (const [purpose, id] of Object.entries(SERVICE_PURPOSES)) {
    keys[purpose as ServicePurpose] = derive(id, SERVICE_CONTEXT, serviceHalf);
  }
  return keys as ServiceKeys;
}

/** X25519: epoch secrets are sealed to its public part, so that an epoch can begin while records are locked. */
export interface RecordsKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export function deriveRecordsKeyPair(recordsHalf: Uint8Array): RecordsKeyPair {
  const seed = derive(1, RECORDS_CONTEXT, recordsHalf);
  const { publicKey, privateKey } = sodium.crypto_box_seed_keypair(seed);
  wipe(seed);
  return { publicKey, privateKey: settled(privateKey) };
}

/** Keyed BLAKE2b of a normalised value, with the kind in the key: equal values of two kinds differ. */
export function blindDigest(keys: ServiceKeys, kind: string, value: string): Uint8Array {
  const kindKey = blake2b(Buffer.from(kind, 'utf8'), keys.blind);
  return blake2b(Buffer.from(value, 'utf8'), kindKey);
}

function derive(id: number, context: string, root: Uint8Array): Uint8Array {
  return sodium.crypto_kdf_derive_from_key(KEY_BYTES, id, context, root);
}
