// Signed heads of the trail, appended to a file outside of the data folder every ten minutes, 1,000 entries, at open and at close.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { headText, parseHead, positionOf, signHead, signKeyChange, type TrailHead } from '../../audit/head.ts';
import type { Clock, UtcMs } from '../../kernel/clock.ts';
import { checkSignature, sodium } from '../../seal/sodium.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Trail } from './trail.ts';

const EVERY_MS = 10 * 60_000;
const EVERY_ENTRIES = 1_000;
/** Heads that a start compares with, newest first. */
const MAX_COMPARED = 2_000;

export class Heads implements Disposable {
  readonly #path: string;
  readonly #keyring: Keyring;
  readonly #trail: Trail;
  readonly #clock: Clock;
  #privateKey: Uint8Array;
  readonly #onError: (thrown: unknown) => void;
  readonly #onHead: (line: string) => void;
  #written = 0;
  #last: { readonly sequence: number; readonly at: UtcMs } | undefined;
  #timer: Disposable | undefined;

  constructor(options: {
    path: string;
    keyring: Keyring;
    trail: Trail;
    clock: Clock;
    privateKey: Uint8Array;
    onError: (thrown: unknown) => void;
    /** Given each head that was written, to be carried further. */
    onHead?: ((line: string) => void) | undefined;
  }) {
    this.#path = options.path;
    this.#keyring = options.keyring;
    this.#trail = options.trail;
    this.#clock = options.clock;
    this.#privateKey = options.privateKey;
    this.#onError = options.onError;
    this.#onHead = options.onHead ?? (() => undefined);
  }

  /** The newest that is in the file since the start. */
  get last(): { readonly sequence: number; readonly at: UtcMs } | undefined {
    return this.#last;
  }

  /** The head of now, signed. */
  sign(): TrailHead {
    const fields = { ...this.#position(), publicKey: this.#keyring.identity.auditPublicKey };
    return signHead(fields, (message) => this.signature(message));
  }

  #position() {
    const { sequence, link } = this.#trail;
    const { vaultId } = this.#keyring;
    return { vaultId, sequence, link: Buffer.from(link).toString('hex'), at: this.#clock.now() };
  }

  /** Says in the file, signed by today's key, which one signs next. @throws what the file system says */
  announce(next: Uint8Array, publicKey: string): void {
    const fields = { ...this.#position(), publicKey, next: Buffer.from(next).toString('base64') };
    const change = signKeyChange(fields, (message) => this.signature(message));
    appendDurably(this.#path, `${headText(change)}\n`);
  }

  /** Signs by the key of a new root from now on. */
  rekey(privateKey: Uint8Array): void {
    this.#privateKey = privateKey;
    this.write();
  }

  /** Ed25519 by the key that signs heads, for a backup's manifest. */
  signature(message: Uint8Array): Uint8Array {
    return sodium.crypto_sign_detached(message, this.#privateKey);
  }

  /** Of an entry that is there: what the last line of an export says. */
  signAt(sequence: number, link: Uint8Array): TrailHead {
    const publicKey = this.#keyring.identity.auditPublicKey;
    const fields = { ...this.#position(), publicKey, sequence, link: Buffer.from(link).toString('hex') };
    return signHead(fields, (message) => this.signature(message));
  }

  /** Signs and appends, unless the last head says the same. */
  write(): void {
    if (this.#written === this.#trail.sequence) return;
    try {
      const line = headText(this.sign());
      appendDurably(this.#path, `${line}\n`);
      this.#written = this.#trail.sequence;
      this.#last = { sequence: this.#written, at: this.#clock.now() };
      this.#onHead(line);
    } catch (thrown) {
      this.#onError(thrown);
    }
  }

  /** Writes at intervals from now on. */
  start(): void {
    this.#timer = this.#clock.after(EVERY_MS, () => {
      this.write();
      this.start();
    });
  }

  committed(sequence: number): void {
    if (sequence - this.#written >= EVERY_ENTRIES) this.write();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.write();
  }
}

/** This vault's heads in the file, oldest first; `isMissing` when there is none to compare with. */
export function readHeads(path: string, keyring: Keyring): { heads: TrailHead[]; isMissing: boolean } {
  if (!existsSync(path)) return { heads: [], isMissing: true };
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean).slice(-MAX_COMPARED);
  const heads = lines.map((line) => parseHead(line, checkSignature)).filter((head) => head !== undefined);
  const ours = heads.filter((head) => isOurs(head, keyring));
  return { heads: ours, isMissing: ours.length === 0 };
}

/** A head in text form as this vault signed it, or undefined. */
export function parseOwnHead(text: string, keyring: Keyring): TrailHead | undefined {
  const head = parseHead(text.trim(), checkSignature);
  return head !== undefined && isOurs(head, keyring) ? head : undefined;
}

/** What the trail lacks or differs in, compared with the heads: an old copy of the database shows here. */
export function compareHeads(heads: readonly TrailHead[], trail: Trail): string | undefined {
  for (const head of heads) {
    const { sequence, link } = positionOf(head);
    if (sequence > trail.sequence) {
      return `The database is older than the newest head outside of it: it ends at entry ${trail.sequence}, the head says ${sequence}. An old copy was put back, or the end of the trail was cut off.`;
    }
    const entry = trail.after(sequence - 1, 1)[0];
    if (entry === undefined || !Buffer.from(entry.link).equals(Buffer.from(link))) {
      return `The audit trail up to entry ${sequence} is not the one that a head outside was taken from.`;
    }
  }
  return undefined;
}

function isOurs(head: TrailHead, keyring: Keyring): boolean {
  return head.vaultId === keyring.vaultId && keyring.isAuditKey(head.publicKey, head.sequence);
}

function appendDurably(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, 'a', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
