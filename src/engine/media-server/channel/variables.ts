// A channel's variables: strings by name, in the order they were first set, with limits.

const MAX_VARIABLES = 1024;
const MAX_VALUE_LENGTH = 64 * 1024;

/** FreeSWITCH's words for yes. */
export function isTrue(value: string): boolean {
  return /^(true|yes|on|1|enabled|active|allow)$/i.test(value);
}

/** And for no. */
export function isFalse(value: string): boolean {
  return /^(false|no|off|0|disabled|inactive|disallow)$/i.test(value);
}

export class Variables implements Iterable<readonly [string, string]> {
  readonly #values = new Map<string, string>();

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** An empty value removes the variable, as FreeSWITCH does. */
  set(name: string, value: string): void {
    if (name === '') return;
    if (value === '') this.#values.delete(name);
    else if (this.#values.has(name) || this.#values.size < MAX_VARIABLES) {
      this.#values.set(name, value.slice(0, MAX_VALUE_LENGTH));
    }
  }

  setAll(values: Readonly<Record<string, string | number | undefined>>): void {
    for (const [name, value] of Object.entries(values)) if (value !== undefined) this.set(name, String(value));
  }

  isTrue(name: string): boolean {
    return isTrue(this.get(name) ?? '');
  }

  [Symbol.iterator](): Iterator<readonly [string, string]> {
    return this.#values.entries();
  }
}
