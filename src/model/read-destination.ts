// Where a call goes, as written in YAML: `menu main-menu`, or a map for opening hours and for something said first.
import { isMap, isScalar, type Node } from 'yaml';
import type { Destination, ExtensionNumber, Prompt, Slug } from './clinic.ts';
import { didYouMean } from './suggest.ts';
import type { Fields, YamlReader } from './yaml-fields.ts';

/** Opening hours inside opening hours, and so on. */
const DEEPEST = 8;
const SLUG = /^[a-z][a-z0-9-]{0,39}$/;
const EXTENSION = /^\d{2,6}$/;
const PROMPT_FILE = /^[a-z0-9-]+\/[a-z0-9-]+$/;
const WORDS = ['extension', 'hunt-group', 'menu', 'mailbox', 'operator', 'hang-up'] as const;
const EXAMPLES = '"menu main-menu", "extension 1001", "hunt-group front-desk", "mailbox 1001", "operator" or "hang-up"';

/** What reading leaves for checking: where each destination stands, and which prompts exist. */
export interface ReadContext {
  readonly reader: YamlReader;
  /** The YAML that an object of the clinic was read from. */
  readonly places: Map<object, Node | undefined>;
  /** Names of the prompt files that there are; any well-formed name will do when absent. */
  readonly promptFiles: ReadonlySet<string> | undefined;
}

export function isSlug(text: string): text is Slug {
  return SLUG.test(text);
}

export function isExtensionNumber(text: string): text is ExtensionNumber {
  return EXTENSION.test(text);
}

/** The destination under `key` of `fields`; `fallback` when it is left out, and required without one. */
export function readDestinationField(
  context: ReadContext,
  fields: Fields,
  key: string,
  fallback?: Destination,
): Destination {
  if (fields.has(key)) return readDestination(context, fields.node(key), `"${key}" of ${fields.what}`, fields.at);
  if (fallback === undefined) fields.complain(key, `"${key}" is missing; say where the call goes: ${EXAMPLES}.`);
  const destination: Destination = { ...(fallback ?? { to: 'hang-up' }) };
  context.places.set(destination, fields.at);
  return destination;
}

export function readDestination(
  context: ReadContext,
  node: Node | undefined,
  what: string,
  at: Node | undefined = node,
  depth = 0,
): Destination {
  const place = node ?? at;
  const destination = isMap(node) ? readMap(context, node, what, depth) : readWords(context, node, what, place);
  context.places.set(destination, place);
  return destination;
}

/** What is said: a text, or `{file: group/name}`. */
export function readPrompt(
  context: ReadContext,
  node: Node | undefined,
  what: string,
  at: Node | undefined = node,
): Prompt {
  const { reader } = context;
  if (node === undefined) {
    reader.complain(at, `${what} is missing; write what is said, or { file: call/after-hours }.`);
    return { text: '' };
  }
  if (!isMap(node)) return { text: reader.text(node, what) ?? '' };
  const fields = reader.fields(node, what, ['file', 'text']);
  if (fields.has('text')) return { text: fields.text('text') };
  const file = fields.text('file');
  if (file !== '' && !PROMPT_FILE.test(file)) {
    fields.complain('file', `"${file}" is no prompt's name; write its group and name, such as call/after-hours.`);
  } else if (file !== '' && context.promptFiles?.has(file) === false) {
    const hint = didYouMean(file, context.promptFiles) || '; the list is in config/prompts/en/prompts.yaml.';
    fields.complain('file', `there is no prompt "${file}"${hint}`);
  }
  return { file };
}

function readWords(context: ReadContext, node: Node | undefined, what: string, place: Node | undefined): Destination {
  const text = isScalar(node) && typeof node.value === 'string' ? node.value.trim() : '';
  const [word = '', name = '', ...rest] = text.split(/\s+/);
  const destination = rest.length === 0 ? destinationOf(word, name) : undefined;
  if (destination !== undefined) return destination;
  const hint = WORDS.some((known) => known === word) ? '' : didYouMean(word, WORDS);
  context.reader.complain(place, `${what} is "${text}", which is no place for a call${hint || `; write ${EXAMPLES}.`}`);
  return { to: 'hang-up' };
}

function destinationOf(word: string, name: string): Destination | undefined {
  if (word === 'operator' || word === 'hang-up') return name === '' ? { to: word } : undefined;
  if (word === 'extension' || word === 'mailbox')
    return isExtensionNumber(name) ? { to: word, number: name } : undefined;
  if (word === 'menu' || word === 'hunt-group') return isSlug(name) ? { to: word, id: name } : undefined;
  return undefined;
}

function readMap(context: ReadContext, node: Node, what: string, depth: number): Destination {
  const { reader } = context;
  const fields = reader.fields(node, what, ['hours', 'open', 'closed', 'prompt', 'then']);
  const next = (key: string) => {
    if (!fields.has(key)) fields.complain(key, `"${key}" is missing; say where the call goes: ${EXAMPLES}.`);
    return fields.has(key)
      ? readDestination(context, fields.node(key), `"${key}" of ${what}`, node, depth + 1)
      : ({ to: 'hang-up' } as const);
  };
  if (depth >= DEEPEST) {
    reader.complain(node, `${what} is nested more than ${DEEPEST} deep; use a menu in between.`);
    return { to: 'hang-up' };
  }
  if (fields.has('hours') === fields.has('prompt')) {
    reader.complain(
      node,
      `${what} needs either "hours", "open" and "closed", or "prompt" and "then"; keep one of the two.`,
    );
    return { to: 'hang-up' };
  }
  for (const key of fields.has('hours') ? ['then'] : ['open', 'closed']) {
    if (fields.has(key))
      fields.complain(key, `"${key}" does not go with "${fields.has('hours') ? 'hours' : 'prompt'}"; remove it.`);
  }
  if (fields.has('prompt')) {
    return {
      to: 'prompt',
      prompt: readPrompt(context, fields.node('prompt'), `"prompt" of ${what}`, node),
      // biome-ignore lint/suspicious/noThenProperty: a destination, never a function, so that nothing awaits it.
      then: next('then'),
    };
  }
  return { to: 'hours', schedule: fields.text('hours') as Slug, open: next('open'), closed: next('closed') };
}
