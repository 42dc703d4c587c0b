// A backup's manifest: which files belong to it, under a MAC that only the vault's root can make, checked before it is parsed. FORMAT.md §11.1.
import { canonicalText, type Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, isEqual } from '../../seal/sodium.ts';
import type { ManifestKey } from '../keys/keyring.ts';
import { readParameters, type Slot, type SlotKind } from '../keys/slots.ts';

export const MANIFEST_NAME = 'manifest';
export const SLOTS_NAME = 'slots';
/** Those of a run that was cut off before they had their name: the manifest says which are its own. */
export const SLOTS_DRAFT = `${SLOTS_NAME}.new`;
const FIRST_LINE = 'wardline-manifest-1';
/** Of a file that a run writes. */
export const FILE_NAME = /^(rows|bundle)-[a-z2-7]{26}-\d{1,4}$/;
const MAX_SLOTS = 64;
const SLOT_KINDS: readonly string[] = ['key-file', 'systemd-credential', 'passphrase', 'recovery'];

export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  /** BLAKE2b of the whole file, hex. */
  readonly hash: string;
}

export interface Manifest {
  readonly vaultId: string;
  readonly run: string;
  readonly createdAt: number;
  /** Entries of the trail that the backup holds, and the link of the last. */
  readonly until: number;
  readonly link: string;
  /** Immutable, oldest first. */
  readonly files: readonly BackupFile[];
  /** Keys and what changes; replaced by each run. */
  readonly bundle: BackupFile;
  /** Hash of the slots file. */
  readonly slots: string;
}

export type Sign = (message: Uint8Array) => Uint8Array;

export function manifestText(manifest: Manifest, manifestKey: Uint8Array, sign: Sign): string {
  const signed = `${FIRST_LINE}\n${canonicalText(manifest as unknown as Json)}\n`;
  const message = Buffer.from(signed, 'utf8');
  const mac = Buffer.from(blake2b(message, manifestKey)).toString('hex');
  return `${signed}${mac}\n${Buffer.from(sign(message)).toString('base64')}\n`;
}

/** The manifest when one of the keys made its MAC, before which not a byte of it is interpreted. @throws WardlineError `backup-damaged` */
export function readManifest(text: string, manifestKeys: readonly ManifestKey[]): Manifest {
  const [first, body = '', mac = ''] = text.split('\n');
  const message = Buffer.from(`${first}\n${body}\n`, 'utf8');
  const given = Buffer.from(mac, 'hex');
  const maker = manifestKeys.find(({ key }) => isEqual(blake2b(message, key), given));
  if (first !== FIRST_LINE || maker === undefined) {
    throw new WardlineError(
      'backup-damaged',
      'The manifest of this backup was not written by this vault or was changed; use another backup.',
    );
  }
  const manifest = JSON.parse(body) as Manifest;
  if (manifest.until > maker.untilEntry) throw damagedBackup(); // made by who has an old root, after it was replaced
  if (![...manifest.files, manifest.bundle].every(({ name }) => FILE_NAME.test(name))) throw damagedBackup();
  return manifest;
}

/** What was signed and by what, for who has the vault's public key and no secret. */
export function manifestSignature(text: string): { message: Uint8Array; signature: Uint8Array } {
  const [first, body, , signature = ''] = text.split('\n');
  return { message: Buffer.from(`${first}\n${body}\n`, 'utf8'), signature: Buffer.from(signature, 'base64') };
}

export function slotsText(vaultId: string, slots: readonly Slot[]): string {
  const plain = slots.map(({ id, kind, opens, parameters, wrapped }) => {
    return { id, kind, opens, parameters: { ...parameters }, wrapped: Buffer.from(wrapped).toString('base64') };
  });
  return canonicalText({ format: 'wardline-slots-1', vault: vaultId, slots: plain as unknown as Json });
}

export function hashOfSlots(text: string): string {
  return Buffer.from(blake2b(Buffer.from(text, 'utf8'))).toString('hex');
}

/**
 * The slots as the file says. It is read before anything can be verified, and strictly: each slot proves itself when it opens,
 * since its wrap binds every field and the vault's id.
 * @throws WardlineError `backup-damaged`
 */
export function readSlotsText(text: string): { vaultId: string; slots: Slot[] } {
  const { format, vault, slots } = parseObject(text);
  if (format !== 'wardline-slots-1' || typeof vault !== 'string' || !Array.isArray(slots) || slots.length > MAX_SLOTS)
    throw damagedBackup();
  return { vaultId: vault, slots: slots.map(readSlot) };
}

function readSlot(value: unknown): Slot {
  const { id, kind, opens, parameters, wrapped } = (value ?? {}) as Record<string, unknown>;
  const isKind = typeof kind === 'string' && SLOT_KINDS.includes(kind);
  const isOpening = opens === 'service' || opens === 'both';
  const known = readParameters(parameters);
  if (typeof id !== 'string' || !isKind || !isOpening || typeof wrapped !== 'string') throw damagedBackup();
  if (known.stretch === 'unreadable') throw damagedBackup();
  return {
    ...{ id, opens, kind: kind as SlotKind },
    parameters: known,
    wrapped: Buffer.from(wrapped, 'base64'),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    throw damagedBackup();
  }
}

export function damagedBackup(): WardlineError {
  return new WardlineError('backup-damaged', 'This backup is damaged or is none; use another one.');
}
