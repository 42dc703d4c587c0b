// A SIP message as a value: a start line, headers in the order and spelling they were written in, and a body (RFC 3261 §7).

/** One header line as written: `value` is the raw text after the colon, trimmed, its folding kept. */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
  /** The whole line without its line end, when that is not `name: value`; it is what goes back on the wire. */
  readonly line?: string;
}

interface SipMessageParts {
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

export interface SipRequest extends SipMessageParts {
  readonly kind: 'request';
  /** As written; methods are case-sensitive (RFC 3261 §7.1). */
  readonly method: string;
  /** The Request-URI as written. */
  readonly uri: string;
}

export interface SipResponse extends SipMessageParts {
  readonly kind: 'response';
  /** 100 to 699. */
  readonly status: number;
  readonly reason: string;
}

export type SipMessage = SipRequest | SipResponse;

/** The canonical lower-case name for each compact form (RFC 3261 §7.3.3 and the IANA registry). */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ['a', 'accept-contact'],
  ['b', 'referred-by'],
  ['c', 'content-type'],
  ['d', 'request-disposition'],
  ['e', 'content-encoding'],
  ['f', 'from'],
  ['i', 'call-id'],
  ['j', 'reject-contact'],
  ['k', 'supported'],
  ['l', 'content-length'],
  ['m', 'contact'],
  ['n', 'identity-info'],
  ['o', 'event'],
  ['r', 'refer-to'],
  ['s', 'subject'],
  ['t', 'to'],
  ['u', 'allow-events'],
  ['v', 'via'],
  ['x', 'session-expires'],
  ['y', 'identity'],
]);

/** The spellings that nearly every message uses, so that a look-up seldom has to change case. */
const USUAL: ReadonlyMap<string, string> = new Map(
  ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact', 'Max-Forwards', 'Content-Length', 'Content-Type', 'User-Agent']
    .concat(['Allow', 'Supported', 'Expires', 'Authorization', 'Route', 'Record-Route', 'Require', 'Event', 'Server'])
    .flatMap((name): [string, string][] => [
      [name, name.toLowerCase()],
      [name.toLowerCase(), name.toLowerCase()],
    ]),
);

/** `name` in lower case with its compact form expanded: `v` → `via`, `Call-ID` → `call-id`. */
export function headerKey(name: string): string {
  const usual = USUAL.get(name);
  if (usual !== undefined) return usual;
  const key = name.toLowerCase();
  return COMPACT.get(key) ?? key;
}

/** As `headerKey(name) === 'content-length'`, for every line of every message. */
export function isContentLength(name: string): boolean {
  if (name.length === 14) return name === 'Content-Length' || name.toLowerCase() === 'content-length';
  return name === 'l' || name === 'L';
}

/** Headers in order; look-ups take any case and both the long and the compact form. Changing one makes a new list. */
export class SipHeaders implements Iterable<SipHeader> {
  readonly #list: readonly SipHeader[];
  /** The key of each line, made at the first look-up. */
  #keys: readonly string[] | undefined;

  constructor(list: readonly SipHeader[] = []) {
    this.#list = list;
  }

  static of(...pairs: ReadonlyArray<readonly [name: string, value: string]>): SipHeaders {
    return new SipHeaders(pairs.map(([name, value]) => ({ name, value })));
  }

  [Symbol.iterator](): Iterator<SipHeader> {
    return this.#list[Symbol.iterator]();
  }

  get size(): number {
    return this.#list.length;
  }

  /** The first value of that header. */
  get(name: string): string | undefined {
    return this.#list[this.#indexOf(headerKey(name))]?.value;
  }

  /** Every line of that header, in order, each as written. */
  all(name: string): string[] {
    const key = headerKey(name);
    const keys = this.#keyList();
    const values: string[] = [];
    for (const [index, header] of this.#list.entries()) if (keys[index] === key) values.push(header.value);
    return values;
  }

  has(name: string): boolean {
    return this.#indexOf(headerKey(name)) >= 0;
  }

  /** Whether any of those headers, named by their keys, has more than one line. */
  repeatsAny(keys: readonly string[]): boolean {
    const list = this.#keyList();
    return keys.some((key) => {
      const first = list.indexOf(key);
      return first >= 0 && list.indexOf(key, first + 1) >= 0;
    });
  }

  /** With that header's lines replaced by one, in the place of the first (at the end when there was none). */
  with(name: string, value: string): SipHeaders {
    const key = headerKey(name);
    const at = this.#indexOf(key);
    const old = this.#list[at];
    if (old === undefined) return this.append(name, value);
    const keys = this.#keyList();
    const list: SipHeader[] = [];
    for (const [index, header] of this.#list.entries()) {
      if (index === at) list.push({ name: old.name, value });
      else if (keys[index] !== key) list.push(header);
    }
    return new SipHeaders(list);
  }

  without(name: string): SipHeaders {
    const key = headerKey(name);
    const keys = this.#keyList();
    return new SipHeaders(this.#list.filter((_, index) => keys[index] !== key));
  }

  append(name: string, value: string): SipHeaders {
    return new SipHeaders([...this.#list, { name, value }]);
  }

  prepend(name: string, value: string): SipHeaders {
    return new SipHeaders([{ name, value }, ...this.#list]);
  }

  /** With the first line of that header replaced, or removed when `value` is undefined; the others stay. */
  withFirst(name: string, value: string | undefined): SipHeaders {
    const at = this.#indexOf(headerKey(name));
    const old = this.#list[at];
    if (old === undefined) return value === undefined ? this : this.prepend(name, value);
    const list = this.#list.slice();
    if (value === undefined) list.splice(at, 1);
    else list[at] = { name: old.name, value };
    return new SipHeaders(list);
  }

  #keyList(): readonly string[] {
    this.#keys ??= this.#list.map((header) => headerKey(header.name));
    return this.#keys;
  }

  #indexOf(key: string): number {
    return this.#keyList().indexOf(key);
  }
}
