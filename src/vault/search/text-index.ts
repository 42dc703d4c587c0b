// Ranked text search (BM25+) over short texts in memory, by minisearch: prefixes and one typing mistake in a longer word are forgiven.
import MiniSearch from 'minisearch';

export interface TextHit {
  readonly id: string;
  readonly score: number;
}

/** What a text is: a name weighs more than a word in passing. */
export type TextField = 'name' | 'tag' | 'note' | 'transcript';

const BOOST: Record<TextField, number> = { name: 3, tag: 3, note: 2, transcript: 1 };
/** Characters of one text that are looked at. */
const MAX_CHARACTERS = 20_000;
const MAX_QUERY_CHARACTERS = 200;
/** A shorter word is found as it is written. */
const FUZZY_FROM = 5;

interface Text {
  readonly id: string;
  readonly name?: string;
  readonly tag?: string;
  readonly note?: string;
  readonly transcript?: string;
}

export class TextIndex {
  readonly #index = new MiniSearch<Text>({
    fields: Object.keys(BOOST),
    processTerm: (term) => plain(term),
    searchOptions: {
      boost: BOOST,
      combineWith: 'OR',
      prefix: (term) => term.length >= 2,
      fuzzy: (term) => (term.length >= FUZZY_FROM ? 1 : false),
    },
  });

  get size(): number {
    return this.#index.documentCount;
  }

  has(id: string): boolean {
    return this.#index.has(id);
  }

  add(id: string, field: TextField, text: string): void {
    this.#index.add({ id, [field]: text.slice(0, MAX_CHARACTERS) });
  }

  remove(id: string): void {
    if (this.#index.has(id)) this.#index.discard(id);
  }

  /** Best first; of these fields alone, when some are given. */
  search(query: string, limit: number, fields?: readonly TextField[]): TextHit[] {
    const options = fields === undefined ? {} : { fields: [...fields] };
    const hits = this.#index.search(query.slice(0, MAX_QUERY_CHARACTERS), options);
    return hits.slice(0, limit).map(({ id, score }) => ({ id: String(id), score }));
  }
}

/** Lower case and without accents, so that `Muller` finds `Müller`. */
function plain(term: string): string {
  return term.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
