// `show modules`, `show codec`, `show application` and their like: what this server can do, by the modules that FreeSWITCH has it in.

import { NOT_HERE } from '../applications/not-here.ts';
import type { ApiCommand, ApiContext } from './command.ts';

type Row = Readonly<Record<string, string>>;

interface Interface {
  readonly type: string;
  readonly name: string;
  readonly module: string;
  readonly about?: string;
  readonly syntax?: string;
}

/** By the name before a rate: what is L16 is one codec there. */
const CODECS: Readonly<Record<string, readonly [name: string, module: string]>> = {
  PCMU: ['G.711 ulaw', 'CORE_PCM_MODULE'],
  PCMA: ['G.711 alaw', 'CORE_PCM_MODULE'],
  L16: ['RAW Signed Linear (16 bit)', 'CORE_PCM_MODULE'],
  G722: ['G.722', 'mod_spandsp'],
  opus: ['OPUS (STANDARD)', 'mod_opus'],
};

/** By type, then by module. */
const FIXED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dialplan: { mod_dptools: 'inline' },
  endpoint: { mod_dptools: 'error', mod_loopback: 'loopback', mod_sofia: 'sofia' },
  file: {
    mod_dptools: 'file_string',
    mod_local_stream: 'local_stream',
    mod_native_file: 'PCMA PCMU',
    mod_sndfile: 'al alaw au r16 r24 r32 r8 raw ul ulaw wav',
    mod_tone_stream: 'silence_stream tone_stream',
  },
  say: { mod_say_en: 'en' },
  timer: { CORE_SOFTTIMER_MODULE: 'soft' },
};
const API_MODULES: Readonly<Record<string, string>> = { sofia: 'mod_sofia', conference: 'mod_conference' };

/** The rows of that table; undefined when there is none of the name. `only` chooses one row, or of modules one. */
export function interfaceRows(
  what: string,
  only: string | undefined,
  commands: ReadonlyMap<string, ApiCommand>,
  context: ApiContext,
): Row[] | undefined {
  const all = interfaces(commands, context);
  if (what === 'modules') return chosen(all, 'module', only).map((each) => ({ ...brief(each), filename: 'built in' }));
  if (what === 'interfaces') return all.map(brief);
  if (what === 'interface_types') return totals(all);
  const type = what === 'codecs' ? 'codec' : what;
  const some = all.filter((each) => each.type === type);
  if (some.length === 0) return undefined;
  const hasText = type === 'api' || type === 'application';
  return chosen(some, 'name', only).map(hasText ? described : brief);
}

function interfaces(commands: ReadonlyMap<string, ApiCommand>, { host, dialer }: ApiContext): Interface[] {
  const apis = [...commands.values()].map(({ name, usage, about }) => {
    return { type: 'api', name, module: API_MODULES[name] ?? 'mod_commands', about, syntax: usage };
  });
  const applications = [...dialer.applications]
    .filter(([name, start]) => NOT_HERE.get(name) !== start)
    .map(([name]) => {
      return { type: 'application', name, module: name === 'conference' ? 'mod_conference' : 'mod_dptools' };
    });
  const codecs = [...new Set(host.codecs.map((codec) => codec.split('/')[0] ?? ''))].map((codec) => {
    const [name, module] = CODECS[codec] ?? [codec, ''];
    return { type: 'codec', name, module };
  });
  const fixed = Object.entries(FIXED).flatMap(([type, modules]) =>
    Object.entries(modules).flatMap(([module, names]) => names.split(' ').map((name) => ({ type, name, module }))),
  );
  const order = ({ type, name }: Interface) => `${type} ${name}`;
  return [...apis, ...applications, ...codecs, ...fixed].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function chosen(all: readonly Interface[], by: 'name' | 'module', only: string | undefined): readonly Interface[] {
  const isWord = only !== undefined && only !== 'as' && only !== 'count' && only !== 'like';
  return isWord ? all.filter((each) => each[by] === only) : all;
}

function brief({ type, name, module }: Interface): Row {
  return { type, name, ikey: module };
}

function described({ name, about = '', syntax = '', module }: Interface): Row {
  return { name, description: about, syntax, ikey: module };
}

function totals(all: readonly Interface[]): Row[] {
  const types = new Map<string, number>();
  for (const { type } of all) types.set(type, (types.get(type) ?? 0) + 1);
  return [...types].map(([type, total]) => ({ type, total: String(total) }));
}
