// A backup's files of rows: written once with a hash over all their bytes, read only after that hash was compared. FORMAT.md §11.2.
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { canonicalBytes } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { sodium } from '../../seal/sodium.ts';

export type Cell = null | number | string | Uint8Array;
/** Table → the columns of its rows, in order. */
export type TableColumns = Readonly<Record<string, readonly string[]>>;

const FIRST_LINE = 'wardline-rows-1\n';
const BUFFER_BYTES = 1024 * 1024;
/** A row is one record or one chunk; a prompt of the clinic's own is the largest. */
const MAX_ROW_BYTES = 32 * 1024 * 1024;
const [NULL, INTEGER, TEXT, BLOB] = [0, 1, 2, 3];

export class RowWriter implements Disposable {
  readonly #file: number;
  readonly #tables: readonly string[];
  readonly #hash = sodium.crypto_generichash_init(null, 32);
  #parts: Uint8Array[] = [];
  #buffered = 0;
  #isClosed = false;
  bytes = 0;
  rows = 0;

  constructor(path: string, tables: TableColumns) {
    this.#file = openSync(path, 'wx', 0o600);
    this.#tables = Object.keys(tables);
    const header = canonicalBytes(Object.entries(tables).map(([name, columns]) => [name, ...columns]));
    this.#push(Buffer.from(FIRST_LINE, 'ascii'));
    this.#push(u32(header.length));
    this.#push(header);
  }

  /** Answers whether so much was written that others should have their turn. */
  put(table: string, cells: readonly Cell[]): boolean {
    const parts = cells.map(encode);
    const length = parts.reduce((sum, part) => sum + part.length, 1);
    this.#push(u32(length));
    this.#push(Uint8Array.of(this.#tables.indexOf(table)));
    for (const part of parts) this.#push(part);
    this.rows++;
    if (this.#buffered < BUFFER_BYTES) return false;
    this.#write();
    return true;
  }

  /** Durable when it returns. */
  finish(): { bytes: number; hash: string } {
    this.#write();
    fsyncSync(this.#file);
    return { bytes: this.bytes, hash: Buffer.from(sodium.crypto_generichash_final(this.#hash, 32)).toString('hex') };
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#file);
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#buffered += part.length;
  }

  #write(): void {
    const block = Buffer.concat(this.#parts);
    sodium.crypto_generichash_update(this.#hash, block);
    for (let at = 0; at < block.length; ) at += writeSync(this.#file, block, at);
    this.bytes += block.length;
    this.#parts = [];
    this.#buffered = 0;
  }
}

/** The size and hash of a file, block by block; `tick` after each. */
export async function hashFile(path: string, tick: (bytes: number) => Promise<void>) {
  const file = openSync(path, 'r');
  const hash = sodium.crypto_generichash_init(null, 32);
  const block = Buffer.alloc(BUFFER_BYTES);
  let bytes = 0;
  try {
    for (;;) {
      const read = readSync(file, block);
      if (read === 0) break;
      sodium.crypto_generichash_update(hash, block.subarray(0, read));
      bytes += read;
      await tick(read);
    }
  } finally {
    closeSync(file);
  }
  return { bytes, hash: Buffer.from(sodium.crypto_generichash_final(hash, 32)).toString('hex') };
}

export interface ReadRow {
  readonly table: string;
  /** The same array for each row of the table. */
  readonly columns: readonly string[];
  readonly cells: readonly Cell[];
  /** That it takes in the file. */
  readonly bytes: number;
}

/** The rows of a file whose hash was compared before. @throws WardlineError `backup-damaged` */
export function* readRows(path: string): Generator<ReadRow> {
  const file = openSync(path, 'r');
  try {
    const take = reader(file);
    if (take(FIRST_LINE.length)?.toString('ascii') !== FIRST_LINE) throw malformed();
    const header = take(lengthOf(take(4)));
    if (header === undefined) throw malformed();
    const named = JSON.parse(header.toString('utf8')) as readonly (readonly [string, ...string[]])[];
    const tables = named.map(([table, ...columns]) => ({ table, columns }));
    for (;;) {
      const head = take(4);
      if (head === undefined) return;
      const row = take(lengthOf(head));
      const place = tables[row?.[0] ?? -1];
      if (row === undefined || place === undefined) throw malformed();
      const { table, columns } = place;
      yield { table, columns, cells: decodeRow(row, columns.length), bytes: head.length + row.length };
    }
  } finally {
    closeSync(file);
  }
}

/** Takes bytes off a file in order; undefined when it ends first. */
function reader(file: number): (length: number) => Buffer | undefined {
  let block: Buffer = Buffer.alloc(0);
  return (length) => {
    while (block.length < length) {
      const more = Buffer.alloc(Math.max(BUFFER_BYTES, length - block.length));
      const read = readSync(file, more);
      if (read === 0) return undefined;
      block = Buffer.concat([block, more.subarray(0, read)]);
    }
    const taken = block.subarray(0, length);
    block = block.subarray(length);
    return taken;
  };
}

function lengthOf(bytes: Buffer | undefined): number {
  const length = bytes?.readUInt32BE(0) ?? 0;
  if (length === 0 || length > MAX_ROW_BYTES) throw malformed();
  return length;
}

function encode(cell: Cell): Uint8Array {
  if (cell === null) return Uint8Array.of(NULL!);
  if (typeof cell === 'number') {
    const bytes = Buffer.alloc(9);
    bytes[0] = INTEGER!;
    bytes.writeBigInt64BE(BigInt(cell), 1);
    return bytes;
  }
  const content = typeof cell === 'string' ? Buffer.from(cell, 'utf8') : cell;
  const bytes = Buffer.alloc(5 + content.length);
  bytes[0] = typeof cell === 'string' ? TEXT! : BLOB!;
  bytes.writeUInt32BE(content.length, 1);
  bytes.set(content, 5);
  return bytes;
}

function decodeRow(row: Buffer, count: number): Cell[] {
  const cells: Cell[] = [];
  let at = 1;
  for (let index = 0; index < count; index++) {
    const type = row[at++];
    if (type === NULL) cells.push(null);
    else if (type === INTEGER) {
      cells.push(Number(row.readBigInt64BE(at)));
      at += 8;
    } else if (type === TEXT || type === BLOB) {
      const end = at + 4 + row.readUInt32BE(at);
      if (end > row.length) throw malformed();
      const content = row.subarray(at + 4, end);
      cells.push(type === TEXT ? content.toString('utf8') : content);
      at = end;
    } else throw malformed();
  }
  if (at !== row.length) throw malformed();
  return cells;
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function malformed(): WardlineError {
  return new WardlineError('backup-damaged', 'A file of the backup is not what Wardline writes; use another backup.');
}
