// Unlock slots: the root halves wrapped once for each way to open them. FORMAT.md §3.2.
import { canonicalText, type Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, randomBytes, settled, wipe } from '../../seal/sodium.ts';
import { argon2id } from './argon2.ts';
import { KEY_BYTES, openBlob, sealBlob } from './format.ts';
import { parseRecoveryCode } from './recovery-code.ts';

/** `systemd-credential`: its secret has the form of a key file's, and systemd keeps it (TPM2-bound where the machine has one). */
export type SlotKind = 'key-file' | 'systemd-credential' | 'passphrase' | 'recovery';

/** What a slot needs to stretch its secret; rests in clear, bound by the wrap. */
export type SlotParameters = { readonly stretch: 'blake2b' | 'unreadable' } | Argon2Parameters;

interface Argon2Parameters {
  readonly stretch: 'argon2id';
  /** Base64, 16 bytes. */
  readonly salt: string;
  readonly operations: number;
  readonly memoryBytes: number;
}

export interface Slot {
  readonly id: string;
  readonly kind: SlotKind;
  readonly opens: 'service' | 'both';
  readonly parameters: SlotParameters;
  readonly wrapped: Uint8Array;
}

export interface RootHalves {
  readonly service: Uint8Array;
  readonly records?: Uint8Array;
}

const ARGON2_OPERATIONS = 3;
/** A quarter of a second on one of libuv's threads, beside the calls. */
const ARGON2_MEMORY_BYTES = 64 * 1024 * 1024;
const KEY_FILE_PREFIX = 'wardline-key-1:';

/** The text of a new key file. */
export function newKeyFileText(): string {
  return `${KEY_FILE_PREFIX}${Buffer.from(randomBytes(KEY_BYTES)).toString('base64')}\n`;
}

export function newParameters(kind: SlotKind): SlotParameters {
  if (kind !== 'passphrase') return { stretch: 'blake2b' };
  const salt = Buffer.from(randomBytes(16)).toString('base64');
  return { stretch: 'argon2id', salt, operations: ARGON2_OPERATIONS, memoryBytes: ARGON2_MEMORY_BYTES };
}

/** Wraps the halves under `secret`: a key file's text, a recovery code or a passphrase. `nonce` is given by tests alone. */
export async function wrapSlot(
  vaultId: string,
  slot: Omit<Slot, 'wrapped'>,
  secret: string,
  halves: RootHalves,
  nonce?: Uint8Array,
): Promise<Slot> {
  const key = await stretch(slot, secret, vaultId);
  const plain = Buffer.concat([halves.service, slot.opens === 'both' ? halves.records! : new Uint8Array(0)]);
  const wrapped = sealBlob(key, plain, binding(vaultId, slot), nonce);
  wipe(key, plain);
  return { ...slot, wrapped };
}

/** As they are stored, of whoever may have changed them; what Argon2id would spend on them is bounded. */
export function readParameters(value: unknown): SlotParameters {
  const { stretch, salt, operations, memoryBytes } = (value ?? {}) as Record<string, unknown>;
  if (stretch === 'blake2b') return { stretch };
  const isBounded = isWithin(operations, 1, 10) && isWithin(memoryBytes, 1024 ** 2, 1024 ** 3);
  const isSalted = typeof salt === 'string' && Buffer.from(salt, 'base64').length === 16;
  if (stretch !== 'argon2id' || !isSalted || !isBounded) return { stretch: 'unreadable' };
  return { stretch, salt, operations: Number(operations), memoryBytes: Number(memoryBytes) };
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** The halves, or undefined when the secret is not this slot's. */
export async function openSlot(vaultId: string, slot: Slot, secret: string): Promise<RootHalves | undefined> {
  if (slot.parameters.stretch === 'unreadable') return undefined;
  const key = await stretch(slot, secret, vaultId);
  const plain = openBlob(key, slot.wrapped, binding(vaultId, slot));
  wipe(key);
  if (plain === undefined) return undefined;
  const service = settled(plain.subarray(0, KEY_BYTES));
  const records = slot.opens === 'both' ? settled(plain.subarray(KEY_BYTES, 2 * KEY_BYTES)) : undefined;
  wipe(plain);
  return records === undefined ? { service } : { service, records };
}

/** The clear columns of a slot, for its row's hash in the trail. */
export function slotColumns(slot: Omit<Slot, 'wrapped'>): Json {
  return { kind: slot.kind, opens: slot.opens, parameters: canonicalText({ ...slot.parameters }) };
}

function binding(vaultId: string, slot: Omit<Slot, 'wrapped'>): Json {
  const { id, kind, opens, parameters } = slot;
  return { purpose: 'wardline-slot-1', vault: vaultId, slot: id, kind, opens, parameters: { ...parameters } };
}

async function stretch(slot: Omit<Slot, 'wrapped'>, secret: string, vaultId: string): Promise<Uint8Array> {
  const { parameters } = slot;
  if (parameters.stretch === 'argon2id') {
    const { salt, operations: passes, memoryBytes } = parameters;
    const cost = { passes, memoryKib: Math.floor(memoryBytes / 1024), parallelism: 1 };
    return argon2id(secret, Buffer.from(salt, 'base64'), cost, KEY_BYTES);
  }
  const bytes = slot.kind === 'recovery' ? parseRecoveryCode(secret) : parseKeyFile(secret);
  const key = blake2b(Buffer.from(`wardline-slot-1:${slot.kind}:${vaultId}:${slot.id}`, 'utf8'), bytes);
  wipe(bytes);
  return key;
}

function parseKeyFile(text: string): Uint8Array {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed.slice(KEY_FILE_PREFIX.length), 'base64');
  if (!trimmed.startsWith(KEY_FILE_PREFIX) || bytes.length !== KEY_BYTES) {
    throw new WardlineError('key-file-damaged', 'The key file does not hold a Wardline key; put the right one back.');
  }
  return bytes;
}
