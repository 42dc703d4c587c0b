// SRTP streams: packet indices over the roll-over of sequence numbers, and refusal of replays (RFC 3711 §3.3, §3.3.1, §3.3.2).
import { rtpHeaderBytes } from './packet.ts';
import { ReplayWindows } from './replay-window.ts';
import { deriveSessionKeys } from './srtp-keys.ts';
import type { SrtpSuite } from './srtp-suite.ts';
import type { SrtpTransform } from './srtp-transform.ts';
import { createTransform, MAX_PACKET_BYTES } from './srtp-transform.ts';

/** Packets that may come after a newer one and still be taken, each once. RFC 3711 §3.3.2 asks for 64 at least. */
const REPLAY_WINDOW = 128;
/** Roll-overs that may have gone by unseen, 22 minutes of packets of 20 ms each. */
const MOST_UNSEEN_ROLLOVERS = 8;
const SEQUENCE_MODULUS = 65536;
/** RFC 3711 §9.2: packets for one master key. */
const MAX_PACKETS = 2 ** 48;

/** `exhausted`: the key has served as many packets as it may. */
export type SrtpFault = 'malformed' | 'replayed' | 'not-authentic' | 'exhausted';

/** Our side. One sender for one master key: making a second one for the same key and SSRC would repeat its key stream. */
export class SrtpSender {
  readonly #transform: SrtpTransform;
  #roc: number;
  #lastSequence = -1;

  /** `roc`: where the roll-over counter begins, for a stream that is taken up in its course. */
  constructor(suite: SrtpSuite, master: Uint8Array, roc = 0) {
    this.#transform = createTransform(suite, deriveSessionKeys(suite, master));
    this.#roc = roc;
  }

  /** Protects `packet[0..length)` in place; the buffer has 16 bytes more. Sequence numbers must rise by one. Returns the new length, or 0: it does not fit, or the key is exhausted. */
  protect(packet: Uint8Array, length: number): number {
    const headerBytes = rtpHeaderBytes(packet, length);
    const fits = length <= MAX_PACKET_BYTES && length + this.#transform.tagBytes <= packet.length;
    if (headerBytes === 0 || !fits) return 0;
    const sequence = readUint16(packet, 2);
    if (sequence < this.#lastSequence) this.#roc++;
    this.#lastSequence = sequence;
    const index = this.#roc * SEQUENCE_MODULUS + sequence;
    if (index >= MAX_PACKETS) return 0;
    return this.#transform.seal(packet, headerBytes, length, readUint32(packet, 8), index);
  }
}

/** Their side: every SSRC has its own index and window, made once a packet of it was authentic. */
export class SrtpReceiver {
  readonly #transform: SrtpTransform;
  readonly #mkiBytes: number;
  readonly #sources = new ReplayWindows(REPLAY_WINDOW);
  readonly #roc: number;
  /** Roll-overs that the next search leaves out. */
  #leftOut = 0;
  /** Why the last packet was refused. */
  fault: SrtpFault = 'malformed';

  /** `roc`: as the sender's; every source begins there. */
  constructor(suite: SrtpSuite, master: Uint8Array, mkiBytes = 0, roc = 0) {
    this.#transform = createTransform(suite, deriveSessionKeys(suite, master));
    this.#mkiBytes = mkiBytes;
    this.#roc = roc;
  }

  /** Opens `packet[0..length)` in place. Returns the length of the RTP packet, or 0 with `fault` saying why not. Never throws. */
  unprotect(packet: Uint8Array, length: number): number {
    const headerBytes = rtpHeaderBytes(packet, length);
    const bare = length - this.#transform.tagBytes - this.#mkiBytes;
    if (headerBytes === 0 || bare < headerBytes || length > MAX_PACKET_BYTES) return this.#refuse('malformed');
    const ssrc = readUint32(packet, 8);
    const sequence = readUint16(packet, 2);
    const known = this.#sources.find(ssrc);
    const index = known === undefined ? this.#roc * SEQUENCE_MODULUS + sequence : nearestIndex(known.newest, sequence);
    if (index >= MAX_PACKETS || (known === undefined && !this.#sources.hasRoom)) return this.#refuse('exhausted');
    const isOld = known?.hasSeen(index) === true;
    // Seen, or so old that it may be one from behind a long loss.
    if (isOld && index > (known?.newest ?? 0) - REPLAY_WINDOW) return this.#refuse('replayed');
    const tag = this.#tagOf(packet, bare, length);
    const isRight = !isOld && this.#transform.open(packet, headerBytes, bare, tag, ssrc, index);
    const found = isRight ? index : this.#search(packet, headerBytes, bare, tag, ssrc, index);
    if (found === undefined) return this.#refuse(isOld ? 'replayed' : 'not-authentic');
    this.#sources.note(ssrc, found);
    return bare;
  }

  /**
   * RFC 3711 §3.3.1 guesses the counter from packets less than 2^15 apart. When more were lost, or the first ones before a roll-over, it is
   * further on than it seems: one later value is tried with each packet in turn, so that what is forged costs a second check and no more.
   */
  #search(packet: Uint8Array, headerBytes: number, bare: number, tag: Uint8Array, ssrc: number, index: number) {
    this.#leftOut = (this.#leftOut % MOST_UNSEEN_ROLLOVERS) + 1;
    const later = index + this.#leftOut * SEQUENCE_MODULUS;
    if (later >= MAX_PACKETS || !this.#transform.open(packet, headerBytes, bare, tag, ssrc, later)) return undefined;
    this.#leftOut = 0;
    return later;
  }

  /** RFC 3711 §3.1 puts the MKI before the tag; RFC 7714 §9.1 counts the tag to the ciphertext, so the MKI comes last. */
  #tagOf(packet: Uint8Array, bare: number, length: number): Uint8Array {
    const tagBytes = this.#transform.tagBytes;
    return this.#transform.tagComesFirst
      ? packet.subarray(bare, bare + tagBytes)
      : packet.subarray(length - tagBytes, length);
  }

  #refuse(fault: SrtpFault): 0 {
    this.fault = fault;
    return 0;
  }
}

/** RFC 3711 appendix A: the index nearest to the newest one, of those with this sequence number. */
function nearestIndex(newest: number, sequence: number): number {
  const roc = Math.floor(newest / SEQUENCE_MODULUS);
  const distance = sequence - (newest % SEQUENCE_MODULUS);
  if (distance > SEQUENCE_MODULUS / 2) return Math.max(0, roc - 1) * SEQUENCE_MODULUS + sequence;
  return (distance < -SEQUENCE_MODULUS / 2 ? roc + 1 : roc) * SEQUENCE_MODULUS + sequence;
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((readUint16(bytes, at) << 16) | readUint16(bytes, at + 2)) >>> 0;
}
