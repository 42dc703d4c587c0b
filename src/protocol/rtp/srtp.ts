// SRTP streams: packet indices over the roll-over of sequence numbers, and refusal of replays (RFC 3711 §3.3, §3.3.1, §3.3.2).
import { rtpHeaderBytes } from './packet.ts';
import type { SrtpTransform } from './srtp-transform.ts';
import { createTransform, MAX_PACKET_BYTES } from './srtp-transform.ts';
import type { SrtpSuite } from './suite.ts';

/** Packets that may come after a newer one and still be taken, each once. RFC 3711 §3.3.2 asks for 64 at least. */
const REPLAY_WINDOW = 128;
/** Sources remembered at a time; the one that came first makes room. Only who has the key can fill them. */
const MAX_SOURCES = 4;
const SEQUENCE_MODULUS = 65536;

export type SrtpFault = 'malformed' | 'replayed' | 'not-authentic';

/** Our side. One sender for one master key: making a second one for the same key and SSRC would repeat its key stream. */
export class SrtpSender {
  readonly #transform: SrtpTransform;
  #roc = 0;
  #lastSequence = -1;

  constructor(suite: SrtpSuite, master: Uint8Array) {
    this.#transform = createTransform(suite, master);
  }

  /** Protects `packet[0..length)` in place; the buffer has 16 bytes more. Sequence numbers must rise by one. Returns the new length. */
  protect(packet: Uint8Array, length: number): number {
    const headerBytes = rtpHeaderBytes(packet, length);
    if (headerBytes === 0 || length + this.#transform.tagBytes > packet.length) return 0;
    const sequence = readUint16(packet, 2);
    if (sequence < this.#lastSequence) this.#roc++;
    this.#lastSequence = sequence;
    const index = this.#roc * SEQUENCE_MODULUS + sequence;
    return this.#transform.seal(packet, headerBytes, length, readUint32(packet, 8), index);
  }
}

/** Their side: every SSRC has its own index and window, made once a packet of it was authentic. */
export class SrtpReceiver {
  readonly #transform: SrtpTransform;
  readonly #mkiBytes: number;
  readonly #sources = new Map<number, SourceWindow>();
  /** Why the last packet was refused. */
  fault: SrtpFault = 'malformed';

  constructor(suite: SrtpSuite, master: Uint8Array, mkiBytes = 0) {
    this.#transform = createTransform(suite, master);
    this.#mkiBytes = mkiBytes;
  }

  /** Opens `packet[0..length)` in place. Returns the length of the RTP packet, or 0 with `fault` saying why not. Never throws. */
  unprotect(packet: Uint8Array, length: number): number {
    const headerBytes = rtpHeaderBytes(packet, length);
    const tagBytes = this.#transform.tagBytes;
    const bare = length - tagBytes - this.#mkiBytes;
    if (headerBytes === 0 || bare < headerBytes || length > MAX_PACKET_BYTES) return this.#refuse('malformed');
    const ssrc = readUint32(packet, 8);
    const sequence = readUint16(packet, 2);
    const known = this.#sources.get(ssrc);
    const index = known === undefined ? sequence : known.indexOf(sequence);
    if (known?.hasSeen(index) === true) return this.#refuse('replayed');
    if (!this.#transform.open(packet, headerBytes, bare, this.#tagOf(packet, bare, length), ssrc, index)) {
      return this.#refuse('not-authentic');
    }
    (known ?? this.#remember(ssrc)).note(index);
    return bare;
  }

  /** RFC 3711 §3.1 puts the MKI before the tag; RFC 7714 §9.1 counts the tag to the ciphertext, so the MKI comes last. */
  #tagOf(packet: Uint8Array, bare: number, length: number): Uint8Array {
    const tagBytes = this.#transform.tagBytes;
    return this.#transform.tagComesFirst
      ? packet.subarray(bare, bare + tagBytes)
      : packet.subarray(length - tagBytes, length);
  }

  #remember(ssrc: number): SourceWindow {
    if (this.#sources.size >= MAX_SOURCES) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest);
        break;
      }
    }
    const source = new SourceWindow();
    this.#sources.set(ssrc, source);
    return source;
  }

  #refuse(fault: SrtpFault): 0 {
    this.fault = fault;
    return 0;
  }
}

/** Which indices of one SSRC were taken: the newest, and which of the last `REPLAY_WINDOW` below it. */
class SourceWindow {
  #newest = -1;
  readonly #taken = new Float64Array(REPLAY_WINDOW).fill(-1);

  /** RFC 3711 appendix A: the index nearest to the newest one, of those with this sequence number. */
  indexOf(sequence: number): number {
    const roc = Math.floor(this.#newest / SEQUENCE_MODULUS);
    const newestSequence = this.#newest % SEQUENCE_MODULUS;
    const distance = sequence - newestSequence;
    if (distance > SEQUENCE_MODULUS / 2) return Math.max(0, roc - 1) * SEQUENCE_MODULUS + sequence;
    return (distance < -SEQUENCE_MODULUS / 2 ? roc + 1 : roc) * SEQUENCE_MODULUS + sequence;
  }

  hasSeen(index: number): boolean {
    return index <= this.#newest - REPLAY_WINDOW || this.#taken[index % REPLAY_WINDOW] === index;
  }

  note(index: number): void {
    this.#taken[index % REPLAY_WINDOW] = index;
    if (index > this.#newest) this.#newest = index;
  }
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((readUint16(bytes, at) << 16) | readUint16(bytes, at + 2)) >>> 0;
}
