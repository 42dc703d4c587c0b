// The one door to libsodium: ready before use, states freed and wiped, secrets wiped.
import { randomBytes as fromNode } from 'node:crypto';
import sodium from 'libsodium-wrappers-sumo';

await sodium.ready;

export type StreamState = ReturnType<typeof sodium.crypto_secretstream_xchacha20poly1305_init_pull>;

/** What the wrapper keeps of the WebAssembly module; it never frees a secretstream state by itself. */
interface WasmModule {
  readonly HEAPU8: Uint8Array;
  _free(address: number): void;
}

const STREAM_STATE_BYTES = 52;
const wasm = (sodium as unknown as { libsodium: WasmModule }).libsodium;

/** Wipes and frees a secretstream state, which holds a segment's key. */
export function freeStream(state: StreamState): void {
  wasm.HEAPU8.fill(0, state.address, state.address + STREAM_STATE_BYTES);
  wasm._free(state.address);
}

/** Overwrites secret bytes, as far as JavaScript allows: copies that the engine made are out of reach. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

/**
 * Moves secret bytes to memory of their own and wipes where they were: small arrays lie on JavaScript's heap, whose collector copies
 * them about and wipes nothing.
 */
export function settled(secret: Uint8Array): Uint8Array {
  const kept = new Uint8Array(new ArrayBuffer(secret.length));
  kept.set(secret);
  wipe(secret);
  return kept;
}

/** Wipes secrets and every copy of them in libsodium's own memory, which it frees as it is: one pass, some tens of milliseconds. */
export function wipeEverywhere(secrets: readonly Uint8Array[]): void {
  const byStart = new Map<number, Uint8Array[]>();
  for (const secret of secrets) {
    const start = Buffer.from(secret.buffer, secret.byteOffset).readUInt32LE(0);
    if (start !== 0) byStart.set(start, [...(byStart.get(start) ?? []), secret]);
  }
  const memory = wasm.HEAPU8;
  const words = new Uint32Array(memory.buffer);
  for (let index = 0; index < words.length; index++) {
    for (const secret of byStart.get(words[index]!) ?? []) {
      const found = memory.subarray(index * 4, index * 4 + secret.length);
      if (Buffer.compare(found, secret) === 0) found.fill(0);
    }
  }
  wipe(...secrets);
}

/**
 * From the platform's generator, as libsodium's own, which asks it for every four bytes through WebAssembly and takes forty times
 * as long.
 */
export function randomBytes(count: number): Uint8Array {
  return fromNode(count);
}

/** BLAKE2b-256, keyed when `key` is given. */
export function blake2b(message: Uint8Array, key: Uint8Array | null = null): Uint8Array {
  return sodium.crypto_generichash(32, message, key);
}

/** Compares in constant time. */
export function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && sodium.memcmp(left, right);
}

export { sodium };

/** Ed25519; a key or signature of the wrong length throws. */
export function checkSignature(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}
