// Which events an event socket hears: subscribed names and CUSTOM subclasses, and the filters over them.
import type { EventFields, FieldValue } from './frame.ts';

/** Subclasses and filters that one socket may add. */
const MAX_ENTRIES = 256;

interface Filter {
  readonly header: string;
  readonly value: string;
}

export class Subscription {
  #isAll = false;
  readonly #names = new Set<string>();
  readonly #subclasses = new Set<string>();
  #filters: Filter[] = [];

  /** Adds what `event json A B CUSTOM x::y` names; all that follows CUSTOM are subclasses. False when nothing is named. */
  add(words: readonly string[]): boolean {
    if (words.length === 0) return false;
    let isSubclass = false;
    for (const word of words) {
      if (isSubclass) this.#addTo(this.#subclasses, word);
      else if (word.toUpperCase() === 'ALL') this.#isAll = true;
      else this.#addTo(this.#names, word.toUpperCase().replace(/^SWITCH_EVENT_/, ''));
      isSubclass ||= word.toUpperCase() === 'CUSTOM';
    }
    return true;
  }

  remove(words: readonly string[]): void {
    for (const word of words) {
      this.#names.delete(word.toUpperCase().replace(/^SWITCH_EVENT_/, ''));
      this.#subclasses.delete(word);
    }
  }

  clear(): void {
    this.#isAll = false;
    this.#names.clear();
    this.#subclasses.clear();
  }

  addFilter(header: string, value: string): void {
    if (this.#filters.length < MAX_ENTRIES) this.#filters.push({ header, value });
  }

  removeFilter(header: string, value: string | undefined): void {
    this.#filters = this.#filters.filter(
      (filter) =>
        header !== 'all' &&
        (filter.header.toLowerCase() !== header.toLowerCase() || (value !== undefined && filter.value !== value)),
    );
  }

  hears(name: string, subclass?: string): boolean {
    if (this.#isAll) return true;
    return name === 'CUSTOM' ? this.#subclasses.has(subclass ?? '') : this.#names.has(name);
  }

  /** No filter: everything passes. Else one must match and none that starts with `-` may. */
  passes(fields: EventFields): boolean {
    let isWanted = this.#filters.length === 0;
    for (const { header, value } of this.#filters) {
      const isVeto = value.startsWith('-');
      if (!isMatch(fields.get(header), isVeto ? value.slice(1) : value)) continue;
      if (isVeto) return false;
      isWanted = true;
    }
    return isWanted;
  }

  #addTo(set: Set<string>, word: string): void {
    if (set.size < MAX_ENTRIES) set.add(word);
  }
}

function isMatch(actual: FieldValue | undefined, wanted: string): boolean {
  if (typeof actual !== 'string') return false;
  return actual.toLowerCase() === wanted.toLowerCase();
}
