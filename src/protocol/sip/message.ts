// A SIP message as a value: a start line, headers in the order and spelling they were written in, and a body (RFC 3261 §7).

/** One header line as written: `value` is the raw text after the colon, trimmed, its folding kept. */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
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
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

/** `name` in lower case with its compact form expanded: `v` → `via`, `Call-ID` → `call-id`. */
export function headerKey(name: string): string {
  const key = name.toLowerCase();
  return COMPACT[key] ?? key;
}

/** Headers in order; look-ups take any case and both the long and the compact form. Changing one makes a new list. */
export class SipHeaders implements Iterable<SipHeader> {
  readonly #list: readonly SipHeader[];

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
    const key = headerKey(name);
    return this.#list.find((header) => headerKey(header.name) === key)?.value;
  }

  /** Every line of that header, in order, each as written. */
  all(name: string): string[] {
    const key = headerKey(name);
    return this.#list.filter((header) => headerKey(header.name) === key).map((header) => header.value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** With that header's lines replaced by one, in the place of the first (at the end when there was none). */
  with(name: string, value: string): SipHeaders {
    const key = headerKey(name);
    const at = this.#list.findIndex((header) => headerKey(header.name) === key);
    if (at < 0) return this.append(name, value);
    const rest = this.#list.filter((header, index) => index === at || headerKey(header.name) !== key);
    return new SipHeaders(
      rest.map((header) => (headerKey(header.name) === key ? { name: header.name, value } : header)),
    );
  }

  without(name: string): SipHeaders {
    const key = headerKey(name);
    return new SipHeaders(this.#list.filter((header) => headerKey(header.name) !== key));
  }

  append(name: string, value: string): SipHeaders {
    return new SipHeaders([...this.#list, { name, value }]);
  }

  prepend(name: string, value: string): SipHeaders {
    return new SipHeaders([{ name, value }, ...this.#list]);
  }

  /** With the first line of that header replaced, or removed when `value` is undefined; the others stay. */
  withFirst(name: string, value: string | undefined): SipHeaders {
    const key = headerKey(name);
    const at = this.#list.findIndex((header) => headerKey(header.name) === key);
    if (at < 0) return value === undefined ? this : this.prepend(name, value);
    const list = [...this.#list];
    const old = list[at];
    if (value === undefined || old === undefined) list.splice(at, 1);
    else list[at] = { name: old.name, value };
    return new SipHeaders(list);
  }
}
