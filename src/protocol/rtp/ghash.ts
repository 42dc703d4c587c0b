// GHASH, the authenticator of AES-GCM (NIST SP 800-38D §6.4), as WebAssembly that is put together here: constant in time, without tables
// (T. Pornin's "ctmul64" of BearSSL: carry-less products from integer ones, with holes between the bits). Why: decisions/srtp-ciphers.md.

/** Where H is, then Y, then what is hashed. */
const H_AT = 0;
const Y_AT = 16;
const DATA_AT = 32;
const BLOCK_BYTES = 16;
/** What one call can hash: the largest packet that is protected, its header padded apart, and the block of lengths. */
const MAX_BYTES = 2048;

/** WebAssembly's own numbers for what is used of it. */
const I32 = 0x7f;
const I64 = 0x7e;
const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  call: 0x10,
  get: 0x20,
  set: 0x21,
  load: 0x29,
  store: 0x37,
} as const;
const I32_OP = { constant: 0x41, less: 0x49, add: 0x6a } as const;
const I64_OP = { constant: 0x42, multiply: 0x7e, and: 0x83, or: 0x84, xor: 0x85, left: 0x86, right: 0x88 } as const;
const NO_RESULT = 0x40;

/** Instructions that leave one value, or none. */
type Code = readonly number[];

const get = (local: number): Code => [OP.get, local];
const set = (local: number, value: Code): Code => [...value, OP.set, local];
const call = (index: number, ...values: readonly Code[]): Code => [...values.flat(), OP.call, index];
const two =
  (operation: number) =>
  (first: Code, ...rest: readonly Code[]): Code => [...first, ...rest.flatMap((each) => [...each, operation])];
const [and, or, xor] = [two(I64_OP.and), two(I64_OP.or), two(I64_OP.xor)];
const multiply = two(I64_OP.multiply);
const left = (value: Code, bits: number): Code => two(I64_OP.left)(value, constant(BigInt(bits)));
const right = (value: Code, bits: number): Code => two(I64_OP.right)(value, constant(BigInt(bits)));
const load = (address: Code, offset: number): Code => [...address, OP.load, 0, offset];
const store = (at: number, value: Code): Code => [I32_OP.constant, 0, ...value, OP.store, 0, at];
const zero: Code = [I32_OP.constant, 0];

function constant(value: bigint): Code {
  return [I64_OP.constant, ...signed(value)];
}

/** LEB128. */
function signed(value: bigint): number[] {
  const rest = BigInt.asIntN(64, value) >> 7n;
  const low = Number(value & 0x7fn);
  const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return isLast ? [low] : [low | 0x80, ...signed(rest)];
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Neighbours of `bits` each change places, `mask` being the lower ones. */
function swap(bits: number, mask: bigint): Code {
  const lower = constant(mask);
  return set(0, or(left(and(get(0), lower), bits), and(right(get(0), bits), lower)));
}

/** The eight bytes in the other order. */
const reverseBytes: Code = [
  ...swap(8, 0x00ff_00ff_00ff_00ffn),
  ...swap(16, 0x0000_ffff_0000_ffffn),
  ...or(left(get(0), 32), right(get(0), 32)),
];

const reverseBits: Code = [
  ...swap(1, 0x5555_5555_5555_5555n),
  ...swap(2, 0x3333_3333_3333_3333n),
  ...swap(4, 0x0f0f_0f0f_0f0f_0f0fn),
  ...reverseBytes,
];

/** The lower half of the carry-less product: each factor in four parts with three bits of room after every bit, where carries get lost. */
function carrylessMultiply(): Code {
  const holes = [0x1111_1111_1111_1111n, 0x2222_2222_2222_2222n, 0x4444_4444_4444_4444n, 0x8888_8888_8888_8888n];
  const [x, y] = [2, 6];
  const parts = holes.flatMap((mask, i) => [
    ...set(x + i, and(get(0), constant(mask))),
    ...set(y + i, and(get(1), constant(mask))),
  ]);
  const products = holes.map((mask, sum) => {
    const [first = [], ...rest] = holes.map((_, i) => multiply(get(x + i), get(y + ((sum - i + 4) % 4))));
    return and(xor(first, ...rest), constant(mask));
  });
  const [first = [], ...rest] = products;
  return [...parts, ...or(first, ...rest)];
}

const REVERSE_BYTES = 0;
const REVERSE_BITS = 1;
const MULTIPLY = 2;

/** Y = (Y xor block) * H for each block up to the address that is given. Local 0 is that address, 1 the block's. */
function hash(): Code {
  const [END, AT, H0, H1, H0R, H1R, Y0, Y1, Y0R, Y1R] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const [Z0, Z1, Z2, V0, V1, V2, V3] = [10, 11, 12, 13, 14, 15, 16];
  const read = (address: Code, offset: number): Code => call(REVERSE_BYTES, load(address, offset));
  const reversed = (value: Code): Code => call(REVERSE_BITS, value);
  const product = (a: Code, b: Code): Code => call(MULTIPLY, a, b);
  /** Karatsuba: three products of halves, then the upper half of each by way of its mirror image. */
  const upper = (value: Code): Code => right(reversed(value), 1);
  const block: Code = [
    ...set(Y1, xor(get(Y1), read(get(AT), 0))),
    ...set(Y0, xor(get(Y0), read(get(AT), 8))),
    ...set(Y0R, reversed(get(Y0))),
    ...set(Y1R, reversed(get(Y1))),
    ...set(Z0, product(get(Y0), get(H0))),
    ...set(Z1, product(get(Y1), get(H1))),
    ...set(Z2, xor(product(xor(get(Y0), get(Y1)), xor(get(H0), get(H1))), get(Z0), get(Z1))),
    ...set(V0, product(get(Y0R), get(H0R))),
    ...set(V3, product(get(Y1R), get(H1R))),
    ...set(V2, xor(product(xor(get(Y0R), get(Y1R)), xor(get(H0R), get(H1R))), get(V0), get(V3))),
    ...set(V1, xor(upper(get(V0)), get(Z2))),
    ...set(V2, xor(upper(get(V2)), get(Z1))),
    ...set(V3, upper(get(V3))),
    ...set(V0, get(Z0)),
    // The product of mirrored numbers is one bit short.
    ...set(V3, or(left(get(V3), 1), right(get(V2), 63))),
    ...set(V2, or(left(get(V2), 1), right(get(V1), 63))),
    ...set(V1, or(left(get(V1), 1), right(get(V0), 63))),
    ...set(V0, left(get(V0), 1)),
    // Modulo x^128 + x^7 + x^2 + x + 1, a half at a time.
    ...set(V2, xor(get(V2), get(V0), right(get(V0), 1), right(get(V0), 2), right(get(V0), 7))),
    ...set(V1, xor(get(V1), left(get(V0), 63), left(get(V0), 62), left(get(V0), 57))),
    ...set(Y1, xor(get(V3), get(V1), right(get(V1), 1), right(get(V1), 2), right(get(V1), 7))),
    ...set(Y0, xor(get(V2), left(get(V1), 63), left(get(V1), 62), left(get(V1), 57))),
  ];
  const next = [...get(AT), I32_OP.constant, BLOCK_BYTES, I32_OP.add, OP.set, AT];
  return [
    ...[I32_OP.constant, DATA_AT, OP.set, AT],
    ...set(H1, read(zero, H_AT)),
    ...set(H0, read(zero, H_AT + 8)),
    ...set(H0R, reversed(get(H0))),
    ...set(H1R, reversed(get(H1))),
    ...[OP.loop, NO_RESULT, ...block, ...next, ...get(AT), ...get(END), I32_OP.less, OP.branchIf, 0, OP.end],
    ...store(Y_AT, call(REVERSE_BYTES, get(Y1))),
    ...store(Y_AT + 8, call(REVERSE_BYTES, get(Y0))),
  ];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes];
}

function text(value: string): number[] {
  return [value.length, ...Buffer.from(value, 'ascii')];
}

/** A body with its locals: counts of one type each. */
function body(locals: readonly (readonly [number, number])[], code: Code): number[] {
  const bytes = [...vector(locals), ...code, OP.end];
  return [...unsigned(bytes.length), ...bytes];
}

function module(): Uint8Array<ArrayBuffer> {
  const FUNCTION = 0x60;
  const types = [
    [FUNCTION, 1, I64, 1, I64],
    [FUNCTION, 2, I64, I64, 1, I64],
    [FUNCTION, 1, I32, 0],
  ];
  const exports = [
    [...text('memory'), 2, 0],
    [...text('hash'), 0, 3],
  ];
  const bodies = [
    body([], reverseBytes),
    body([], reverseBits),
    body([[8, I64]], carrylessMultiply()),
    body(
      [
        [1, I32],
        [15, I64],
      ],
      hash(),
    ),
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(3, vector([[0], [0], [1], [2]])),
    ...section(5, vector([[0, 1]])),
    ...section(7, vector(exports)),
    ...section(10, vector(bodies)),
  ]);
}

const { memory, hash: hashUpTo } = new WebAssembly.Instance(new WebAssembly.Module(module())).exports as {
  readonly memory: WebAssembly.Memory;
  readonly hash: (end: number) => void;
};
const bytes = new Uint8Array(memory.buffer);
/** The result of the last call. */
const result = bytes.subarray(Y_AT, Y_AT + BLOCK_BYTES);

/**
 * GHASH under `h` (16 bytes) of the header and the encrypted text of one packet, `packet[0..headerBytes)` and `packet[headerBytes..length)`,
 * with their lengths. The answer is used again by the next call. Throws when the packet is larger than any that is protected.
 */
export function ghash(h: Uint8Array, packet: Uint8Array, headerBytes: number, length: number): Uint8Array {
  const textAt = DATA_AT + padded(headerBytes);
  const end = textAt + length - headerBytes;
  const lengthsAt = padded(end);
  if (lengthsAt + BLOCK_BYTES > DATA_AT + MAX_BYTES) throw new RangeError('A packet is too large to be authenticated.');
  bytes.set(h, H_AT);
  // Packets come as views of many kinds, which makes a loop over their bytes slow, and a view more costs as much as to copy what lies behind them.
  bytes.set(packet.length > MAX_BYTES ? packet.subarray(0, length) : packet, textAt - headerBytes);
  for (let i = 0; i < headerBytes; i++) bytes[DATA_AT + i] = bytes[textAt - headerBytes + i] ?? 0;
  for (let i = DATA_AT + headerBytes; i < textAt; i++) bytes[i] = 0;
  for (let i = end; i < lengthsAt + BLOCK_BYTES; i++) bytes[i] = 0;
  putBits(lengthsAt + 4, headerBytes);
  putBits(lengthsAt + 12, length - headerBytes);
  hashUpTo(lengthsAt + BLOCK_BYTES);
  return result;
}

function padded(count: number): number {
  return (count + BLOCK_BYTES - 1) & -BLOCK_BYTES;
}

/** `count` bytes as a number of bits, in 32 bits: no packet needs more. */
function putBits(at: number, count: number): void {
  bytes[at + 2] = (count >>> 5) & 0xff;
  bytes[at + 3] = (count << 3) & 0xff;
}
