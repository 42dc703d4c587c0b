// The plain texts that clients read with regular expressions: `sofia status`, `status`, `show channels`, and HEARTBEAT's fields.
import type { Channel } from './channel.ts';
import type { Fields } from './event-hub.ts';
import type { Registry } from './registry.ts';

/** The FreeSWITCH version whose behaviour this server has. */
export const VERSION = '1.10.12-release';
/** The SIP profile that drachtio-fsmrf looks for. */
export const PROFILE = 'drachtio_mrf';

const RULE = '='.repeat(97);
const MAX_PER_SECOND = 80;

/** The layout of mod_sofia: name to 25, data to 42 columns, tabs between. */
export function sofiaStatus(sipAddress: string): string {
  const row = (name: string, type: string, data: string, state: string) =>
    `${name.padStart(25)}\t${type}\t${data.padStart(42)}\t${state}\n`;
  return [
    row('Name', '   Type', 'Data', 'State'),
    `${RULE}\n`,
    row(PROFILE, 'profile', `sip:mod_sofia@${sipAddress}`, 'RUNNING (0)'),
    `${RULE}\n1 profile 0 aliases\n`,
  ].join('');
}

export function statusText(registry: Registry): string {
  return [
    `UP ${uptime(registry.uptimeMs)}`,
    `FreeSWITCH (Version ${VERSION}  64bit) is ready`,
    `${registry.total} session(s) since startup`,
    `${registry.size} session(s) - peak ${registry.peak}, last 5min ${registry.size} `,
    `${registry.perSecond} session(s) per Sec out of max ${MAX_PER_SECOND}, peak ${registry.perSecondPeak}, last 5min 0 `,
    `${registry.maxChannels} session(s) max`,
    'min idle cpu 0.00/100.00',
    '',
  ].join('\n');
}

/** What HEARTBEAT carries; `idleCpu` in per cent. */
export function heartbeatFields(registry: Registry, idleCpu: number): Fields {
  return [
    ['Event-Info', registry.isDraining ? 'System Paused' : 'System Ready'],
    ['Up-Time', uptime(registry.uptimeMs)],
    ['FreeSWITCH-Version', `${VERSION}~64bit`],
    ['Uptime-msec', String(Math.floor(registry.uptimeMs))],
    ['Session-Count', String(registry.size)],
    ['Max-Sessions', String(registry.maxChannels)],
    ['Session-Per-Sec', String(MAX_PER_SECOND)],
    ['Session-Per-Sec-Last', String(registry.perSecond)],
    ['Session-Per-Sec-Max', String(registry.perSecondPeak)],
    ['Session-Per-Sec-FiveMin', '0'],
    ['Session-Since-Startup', String(registry.total)],
    ['Session-Peak-Max', String(registry.peak)],
    ['Session-Peak-FiveMin', String(registry.peak)],
    ['Idle-CPU', idleCpu.toFixed(6)],
  ];
}

export function showChannels(channels: readonly Channel[], asJson: boolean): string {
  const rows = channels.map(rowOf);
  if (asJson) {
    return JSON.stringify(rows.length === 0 ? { row_count: 0 } : { row_count: rows.length, rows });
  }
  const first = rows[0];
  if (first === undefined) return '\n0 total.\n';
  const lines = rows.map((row) => Object.values(row).join(','));
  return `${Object.keys(first).join(',')}\n${lines.join('\n')}\n\n${rows.length} total.\n`;
}

function rowOf(channel: Channel): Readonly<Record<string, string>> {
  const facts = channel.facts();
  return {
    uuid: facts.uuid,
    direction: 'inbound',
    created: new Date(facts.createdAt).toISOString().slice(0, 19).replace('T', ' '),
    created_epoch: String(Math.floor(facts.createdAt / 1000)),
    name: facts.name,
    state: facts.state,
    cid_name: '',
    cid_num: '',
    ip_addr: facts.callerAddress,
    dest: facts.destination,
    application: channel.variables.get('current_application') ?? '',
    application_data: '',
    dialplan: 'XML',
    context: 'mrf',
    read_codec: facts.codec,
    read_rate: facts.codec === 'G722' ? '16000' : '8000',
    write_codec: facts.codec,
    write_rate: facts.codec === 'G722' ? '16000' : '8000',
    hostname: 'wardline',
    callstate: facts.callState,
    call_uuid: facts.other?.uuid ?? facts.uuid,
  };
}

function uptime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  return `0 years, ${days} days, ${hours} hours, ${minutes} minutes, ${seconds % 60} seconds, ${Math.floor(ms) % 1000} milliseconds, 0 microseconds`;
}
