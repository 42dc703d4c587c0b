// `show channels`, `show calls`, `show modules` and their like: FreeSWITCH's columns as a list, JSON or XML.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import { escapeXml } from '../../../protocol/event-socket/frame.ts';
import type { Channel } from '../channel/channel.ts';
import { toldCodec } from '../channel/codec-names.ts';
import { timeStamp } from '../host/event-hub.ts';
import { CONTEXT, HOST_NAME } from '../host/identity.ts';
import type { ApiCommand, ApiContext } from './command.ts';
import { usageOf } from './command.ts';
import { interfaceRows } from './show-interfaces.ts';
import { statusText } from './status-text.ts';

type Row = Readonly<Record<string, string>>;

const USAGE =
  'codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels [count|like <match string>]|calls|' +
  'detailed_calls|bridged_calls|detailed_bridged_calls|aliases|complete|chat|management|modules|nat_map|say|' +
  'interfaces|interface_types|tasks|limits|status';
/** Calls that are not listed more than once: the second party is told beside the first. */
const TABLES: ReadonlyMap<string, (channels: readonly Channel[]) => Row[]> = new Map([
  ['channels', (channels) => channels.map(channelRow)],
  ['calls', (channels) => channels.filter(isFirst).map(callRow)],
  ['detailed_calls', (channels) => channels.filter(isFirst).map(detailedRow)],
  ['bridged_calls', (channels) => channels.filter(isBridgedFirst).map(callRow)],
  ['detailed_bridged_calls', (channels) => channels.filter(isBridgedFirst).map(detailedRow)],
]);
/** What other tables of FreeSWITCH's hold is not here. */
const EMPTY = new Set(
  ['registrations', 'tasks', 'aliases', 'limits', 'limit', 'nat_map', 'complete', 'chat', 'management'].concat(
    'chatplan',
  ),
);

export function showApi(args: string, commands: ReadonlyMap<string, ApiCommand>, context: ApiContext): string {
  const [what = '', ...rest] = splitWords(args);
  const { channels } = context;
  if (what === 'status') return statusText(channels);
  const rows = TABLES.get(what)?.(channels.list) ?? (EMPTY.has(what) ? [] : undefined);
  const found = rows ?? interfaceRows(what, rest[0], commands, context);
  if (found === undefined) return usageOf(USAGE);
  return printed(matching(found, rest[0] === 'like' ? rest[1] : undefined), rest);
}

function printed(rows: readonly Row[], rest: readonly string[]): string {
  const at = rest.indexOf('as');
  const format = at < 0 ? 'csv' : (rest[at + 1] ?? 'csv');
  const isCount = rest[0] === 'count';
  switch (format) {
    case 'json':
      return asJson(rows, isCount);
    case 'xml':
      return asXml(rows, isCount);
    case 'csv':
      return asList(rows, isCount, ',');
    case 'delim':
      return asList(rows, isCount, rest[at + 2]?.charAt(0) ?? ',');
    default:
      return `-ERR Cannot find format ${format}\n`;
  }
}

function matching(rows: Row[], text: string | undefined): Row[] {
  if (text === undefined) return rows;
  const wanted = text.replaceAll('%', '').toLowerCase();
  return rows.filter((row) => [row.uuid, row.name].some((value) => value?.toLowerCase().includes(wanted)));
}

function asList(rows: readonly Row[], isCount: boolean, separator: string): string {
  const first = rows[0];
  const total = `\n${rows.length} total.\n`;
  if (first === undefined || isCount) return total;
  const lines = rows.map((row) => `${Object.values(row).join(separator)}\n`);
  return `${Object.keys(first).join(separator)}\n${lines.join('')}${total}`;
}

function asJson(rows: readonly Row[], isCount: boolean): string {
  if (rows.length === 0) return '{"row_count": 0}\n';
  return JSON.stringify({ row_count: rows.length, rows: isCount ? [] : rows });
}

function asXml(rows: readonly Row[], isCount: boolean): string {
  if (isCount) return `<result row_count="${rows.length}"></result>\n`;
  if (rows.length === 0) return '<result row_count="0"/>\n';
  const cell = ([name, value]: [string, string]) => `    <${name}>${escapeXml(value)}</${name}>\n`;
  const lines = rows.map((row, i) => `  <row row_id="${i + 1}">\n${Object.entries(row).map(cell).join('')}  </row>\n`);
  return `<result row_count="${rows.length}">\n${lines.join('')}</result>\n`;
}

function isFirst({ bridge, uuid }: Channel): boolean {
  return bridge === undefined || bridge.first.uuid === uuid;
}

function isBridgedFirst(channel: Channel): boolean {
  return channel.bridge?.first === channel;
}

function identityRow(channel: Channel): Row {
  const facts = channel.facts();
  return {
    uuid: facts.uuid,
    direction: facts.direction,
    created: timeStamp(facts.createdAt),
    created_epoch: String(Math.floor(facts.createdAt / 1000)),
    name: facts.name,
    state: facts.state,
    cid_name: 'unknown',
    cid_num: '',
    ip_addr: facts.callerAddress,
    dest: facts.destination,
  };
}

function channelRow(channel: Channel): Row {
  const { codec, callState, callerAddress, destination, other } = channel.facts();
  const told = toldCodec(codec);
  const rate = String(told.rate);
  const bits = String(told.bitrate);
  return {
    ...identityRow(channel),
    application: channel.variables.get('current_application') ?? '',
    // What an application was given may be a PIN or what a caller said.
    application_data: '',
    dialplan: 'XML',
    context: CONTEXT,
    read_codec: told.name,
    read_rate: rate,
    read_bit_rate: bits,
    write_codec: told.name,
    write_rate: rate,
    write_bit_rate: bits,
    secure: channel.variables.get('rtp_secure_media_negotiated') === undefined ? '' : 'srtp',
    hostname: HOST_NAME,
    presence_id: '',
    presence_data: '',
    accountcode: '',
    callstate: callState,
    callee_name: '',
    callee_num: '',
    callee_direction: '',
    call_uuid: other?.uuid ?? '',
    sent_callee_name: '',
    sent_callee_num: '',
    initial_cid_name: 'unknown',
    initial_cid_num: '',
    initial_ip_addr: callerAddress,
    initial_dest: destination,
    initial_dialplan: 'XML',
    initial_context: CONTEXT,
  };
}

/** One party, and behind `b_` the one it is bridged to. */
function callRow(channel: Channel): Row {
  const { bridge } = channel;
  const other = bridge?.otherOf(channel);
  const b = other === undefined ? blank(identityRow(channel)) : identityRow(other);
  return {
    ...identityRow(channel),
    ...partyRow(channel),
    call_uuid: other === undefined ? '' : channel.uuid,
    hostname: HOST_NAME,
    sent_callee_name: '',
    sent_callee_num: '',
    ...prefixed({ ...b, ...(other === undefined ? blank(partyRow(channel)) : partyRow(other)) }),
    b_sent_callee_name: '',
    b_sent_callee_num: '',
    call_created_epoch: other === undefined ? '' : (identityRow(channel).created_epoch ?? ''),
  };
}

/** The same with all that is known of both. */
function detailedRow(channel: Channel): Row {
  const own = channelRow(channel);
  const other = channel.bridge?.otherOf(channel);
  const since = other === undefined ? '' : (own.created_epoch ?? '');
  return { ...own, ...prefixed(other === undefined ? blank(own) : channelRow(other)), call_created_epoch: since };
}

function partyRow({ progress }: Channel): Row {
  const nobody = { callee_name: '', callee_num: '', callee_direction: '' };
  return { presence_id: '', presence_data: '', accountcode: '', callstate: progress.callState, ...nobody };
}

function blank(row: Row): Row {
  return Object.fromEntries(Object.keys(row).map((name) => [name, '']));
}

function prefixed(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [`b_${name}`, value]));
}
