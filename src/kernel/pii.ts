// A value that tells something of a person: it cannot reach a log, an error message or JSON by accident.
import { inspect } from 'node:util';

const MASK = '[pii]';

/** Wraps a name, number, SIP URI, digit or message body. Whatever formats it sees `[pii]`; `reveal()` is greppable. */
export class Pii<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
