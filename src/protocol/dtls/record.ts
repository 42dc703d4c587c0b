// DTLS 1.2 records (RFC 6347 §4.1), and their protection by AES-GCM (RFC 5288 §3) with a window against replays (§4.1.2.6).
import type { KeyObject } from 'node:crypto';
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { ReplayWindow } from '../rtp/replay-window.ts';
import { ByteReader, uint } from './bytes.ts';

export const DTLS_1_2 = 0xfefd;
const HEADER_BYTES = 13;
const TAG_BYTES = 16;
const EXPLICIT_NONCE_BYTES = 8;
/** Records of one datagram that are looked at. */
const MAX_RECORDS = 16;
const REPLAY_WINDOW = 64;

export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const;

export interface DtlsRecord {
  readonly type: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequence: number;
  readonly fragment: Buffer;
}

const RECORD_HEADER_BYTES = 13;
const CLIENT_HELLO = 1;

/** RFC 7983 §7: the first byte of DTLS on a port that it shares with STUN and SRTP. */
export function isDtls(packet: Uint8Array): boolean {
  const first = packet[0] ?? 0;
  return first >= 20 && first <= 63;
}

/** Whether a datagram begins with a ClientHello in the clear: somebody begins a handshake. */
export function isClientHello(packet: Uint8Array): boolean {
  const isClear = packet[3] === 0 && packet[4] === 0;
  return packet[0] === ContentType.handshake && isClear && packet[RECORD_HEADER_BYTES] === CLIENT_HELLO;
}

/** The whole records of a datagram; what does not parse ends it (§4.1.2.7: silently). */
export function readRecords(datagram: Uint8Array): DtlsRecord[] {
  const reader = new ByteReader(Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length));
  const records: DtlsRecord[] = [];
  while (reader.left >= HEADER_BYTES && records.length < MAX_RECORDS) {
    const type = reader.uint(1);
    const version = reader.uint(2);
    const epoch = reader.uint(2);
    const sequence = reader.uint(6);
    const fragment = reader.vector(2);
    if (reader.isBroken || version >> 8 !== 0xfe) break;
    records.push({ type, epoch, sequence, fragment });
  }
  return records;
}

export function writeRecord({ type, epoch, sequence, fragment }: DtlsRecord): Buffer {
  const header = [uint(type, 1), uint(DTLS_1_2, 2), uint(epoch, 2), uint(sequence, 6), uint(fragment.length, 2)];
  return Buffer.concat([...header, fragment]);
}

/** One direction of one epoch. */
export class RecordCipher {
  readonly #name: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: KeyObject;
  readonly #salt: Buffer;
  readonly #taken = new ReplayWindow(REPLAY_WINDOW);

  /** `salt`: the 4 bytes of the nonce that are not sent. */
  constructor(key: Buffer, salt: Buffer) {
    this.#name = key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm';
    this.#key = createSecretKey(key);
    this.#salt = salt;
  }

  seal(record: DtlsRecord): DtlsRecord {
    const nonce = Buffer.concat([uint(record.epoch, 2), uint(record.sequence, 6)]);
    const cipher = createCipheriv(this.#name, this.#key, Buffer.concat([this.#salt, nonce]));
    cipher.setAAD(additionalData(record, record.fragment.length));
    const body = Buffer.concat([cipher.update(record.fragment), cipher.final()]);
    return { ...record, fragment: Buffer.concat([nonce, body, cipher.getAuthTag()]) };
  }

  /** The plain fragment; undefined: not authentic, or here before. */
  open(record: DtlsRecord): Buffer | undefined {
    const length = record.fragment.length - EXPLICIT_NONCE_BYTES - TAG_BYTES;
    if (length < 0 || this.#taken.hasSeen(record.sequence)) return undefined;
    const nonce = Buffer.concat([this.#salt, record.fragment.subarray(0, EXPLICIT_NONCE_BYTES)]);
    const decipher = createDecipheriv(this.#name, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(additionalData(record, length));
    decipher.setAuthTag(record.fragment.subarray(EXPLICIT_NONCE_BYTES + length));
    try {
      const body = record.fragment.subarray(EXPLICIT_NONCE_BYTES, EXPLICIT_NONCE_BYTES + length);
      const plain = Buffer.concat([decipher.update(body), decipher.final()]);
      this.#taken.note(record.sequence);
      return plain;
    } catch {
      return undefined;
    }
  }
}

/** RFC 5246 §6.2.3.3, with epoch and sequence number as the 64 bits. */
function additionalData({ type, epoch, sequence }: DtlsRecord, length: number): Buffer {
  return Buffer.concat([uint(epoch, 2), uint(sequence, 6), uint(type, 1), uint(DTLS_1_2, 2), uint(length, 2)]);
}
