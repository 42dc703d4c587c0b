// The secrets of one DTLS 1.2 handshake: master secret bound to the transcript (RFC 7627 §4), record keys, Finished, SRTP keys (RFC 5764 §4.2).
import { createHash, createHmac } from 'node:crypto';

export type PrfHash = 'sha256' | 'sha384';

const MASTER_BYTES = 48;
const VERIFY_BYTES = 12;
const RECORD_SALT_BYTES = 4;

/** RFC 5246 §5. */
function prf(hash: PrfHash, secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label, 'latin1'), seed]);
  const hmac = (data: Buffer) => createHmac(hash, secret).update(data).digest();
  const blocks: Buffer[] = [];
  let a = hmac(labelled);
  for (let bytes = 0; bytes < length; a = hmac(a)) {
    const block = hmac(Buffer.concat([a, labelled]));
    blocks.push(block);
    bytes += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}

export interface RecordKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
  readonly clientSalt: Buffer;
  readonly serverSalt: Buffer;
}

export class KeySchedule {
  readonly #hash: PrfHash;
  readonly #master: Buffer;
  readonly #clientRandom: Buffer;
  readonly #serverRandom: Buffer;

  /** `transcript`: every handshake message up to ClientKeyExchange. */
  constructor(hash: PrfHash, shared: Buffer, transcript: Buffer, clientRandom: Buffer, serverRandom: Buffer) {
    this.#hash = hash;
    this.#clientRandom = clientRandom;
    this.#serverRandom = serverRandom;
    this.#master = prf(hash, shared, 'extended master secret', digest(hash, transcript), MASTER_BYTES);
  }

  recordKeys(keyBytes: number): RecordKeys {
    const seed = Buffer.concat([this.#serverRandom, this.#clientRandom]);
    return split(prf(this.#hash, this.#master, 'key expansion', seed, 2 * (keyBytes + RECORD_SALT_BYTES)), keyBytes);
  }

  /** `verify_data` of one side's Finished over all messages before it. */
  finished(side: 'client' | 'server', transcript: Buffer): Buffer {
    return prf(this.#hash, this.#master, `${side} finished`, digest(this.#hash, transcript), VERIFY_BYTES);
  }

  srtpKeys(keyBytes: number, saltBytes: number): RecordKeys {
    const seed = Buffer.concat([this.#clientRandom, this.#serverRandom]);
    const label = 'EXTRACTOR-dtls_srtp';
    return split(prf(this.#hash, this.#master, label, seed, 2 * (keyBytes + saltBytes)), keyBytes);
  }
}

/** Both keys, then both salts; the client's first. */
function split(block: Buffer, keyBytes: number): RecordKeys {
  const saltBytes = block.length / 2 - keyBytes;
  return {
    clientKey: block.subarray(0, keyBytes),
    serverKey: block.subarray(keyBytes, 2 * keyBytes),
    clientSalt: block.subarray(2 * keyBytes, 2 * keyBytes + saltBytes),
    serverSalt: block.subarray(2 * keyBytes + saltBytes),
  };
}

function digest(hash: PrfHash, transcript: Buffer): Buffer {
  return createHash(hash).update(transcript).digest();
}
