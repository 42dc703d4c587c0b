// Reading YAML with every complaint at its line: typed fields of a map, unknown keys, and keys given twice.
import { isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { didYouMean } from './suggest.ts';

/** What is wrong in a YAML file; `message` is one sentence that says the fix. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Entry {
  readonly key: string;
  readonly keyNode: Node | undefined;
  readonly value: Node | undefined;
}

const MOST_PROBLEMS = 100;
const LONGEST_TEXT = 2_000;

/** Collects the problems of one file. Text, numbers and flags are all scalars as written: the failsafe schema guesses nothing. */
export class YamlReader {
  readonly problems: Problem[] = [];
  readonly #lines: LineCounter;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  complain(node: Node | undefined, message: string): void {
    this.complainAt(node?.range?.[0] ?? 0, message);
  }

  complainAt(offset: number, message: string): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({
      line: Math.max(1, line),
      column: Math.max(1, col),
      message,
    });
  }

  /** The text of a scalar; complains and gives undefined for a map, a list, an alias or nothing. */
  text(node: Node | undefined, what: string, at: Node | undefined = node): string | undefined {
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '' && node.value.length <= LONGEST_TEXT) {
      return node.value;
    }
    const isLong = isScalar(node) && typeof node.value === 'string' && node.value !== '';
    this.complain(
      node ?? at,
      isLong
        ? `${what} is longer than ${LONGEST_TEXT} characters; shorten it.`
        : `${what} must be a single value; write one after the colon.`,
    );
    return undefined;
  }

  /** The entries of a map in their order; none when it is left empty. A key given twice is told of and its second entry left out. */
  entries(node: Node | undefined, what: string): Entry[] {
    if (node === undefined || (isScalar(node) && (node.value === '' || node.value === null))) return [];
    if (!isMap(node)) {
      this.complain(node, `${what} must be a map; write "key: value" lines below it, indented by two spaces.`);
      return [];
    }
    const entries = new Map<string, Entry>();
    for (const pair of node.items) {
      const keyNode = pair.key as Node | undefined;
      const key = this.text(keyNode, `a key of ${what}`);
      if (key === undefined) continue;
      if (entries.has(key)) this.complain(keyNode, `"${key}" is given twice in ${what}; remove one of them.`);
      else entries.set(key, { key, keyNode, value: (pair.value ?? undefined) as Node | undefined });
    }
    return [...entries.values()];
  }

  /** The items of a list. */
  items(node: Node | undefined, what: string): Node[] {
    if (isSeq(node)) return node.items as Node[];
    this.complain(node, `${what} must be a list; write it as [one, two].`);
    return [];
  }

  /** A map with known keys alone. */
  fields(node: Node | undefined, what: string, known: readonly string[], at: Node | undefined = node): Fields {
    const values = new Map<string, Node | undefined>();
    for (const { key, keyNode, value } of this.entries(node, what)) {
      if (known.includes(key)) values.set(key, value);
      else
        this.complain(
          keyNode,
          `${what} has no setting "${key}"${didYouMean(key, known) || `; it knows ${known.join(', ')}.`}`,
        );
    }
    return new Fields(this, what, at, values);
  }
}

/** The settings of one thing, such as `extension 1001`. What is wrong is told, and a stand-in returned, so that reading goes on. */
export class Fields {
  readonly reader: YamlReader;
  readonly what: string;
  readonly at: Node | undefined;
  readonly #values: ReadonlyMap<string, Node | undefined>;

  constructor(reader: YamlReader, what: string, at: Node | undefined, values: ReadonlyMap<string, Node | undefined>) {
    this.reader = reader;
    this.what = what;
    this.at = at;
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  node(key: string): Node | undefined {
    return this.#values.get(key);
  }

  /** Complains at the key's value, or at the whole thing when it has none. */
  complain(key: string, message: string): void {
    this.reader.complain(this.node(key) ?? this.at, `${this.what}: ${message}`);
  }

  /** A text; required unless there is a fallback. */
  text(key: string, fallback?: string): string {
    if (!this.has(key)) {
      if (fallback !== undefined) return fallback;
      this.complain(key, `"${key}" is missing; add it.`);
      return '';
    }
    return this.reader.text(this.node(key), `"${key}" of ${this.what}`, this.at) ?? fallback ?? '';
  }

  integer(key: string, range: { readonly from: number; readonly to: number; readonly fallback: number }): number {
    const text = this.text(key, String(range.fallback));
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.from && value <= range.to) return value;
    this.complain(key, `"${key}" is "${text}"; write a whole number from ${range.from} to ${range.to}.`);
    return range.fallback;
  }

  flag(key: string, fallback: boolean): boolean {
    return this.choice(key, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  choice<Option extends string>(key: string, options: readonly Option[], fallback: Option): Option {
    const text = this.text(key, fallback);
    const found = options.find((option) => option === text);
    if (found === undefined) this.complain(key, `"${key}" is "${text}"; write ${options.join(' or ')}.`);
    return found ?? fallback;
  }
}
