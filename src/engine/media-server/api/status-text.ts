// The plain texts that clients read with regular expressions: `sofia status`, `status`, and HEARTBEAT's fields.

import type { Channels } from '../channel/channels.ts';
import type { Fields } from '../host/event-hub.ts';
import { CONTEXT, PROFILE, VERSION } from '../host/identity.ts';
import type { ApiContext } from './command.ts';

const RULE = '='.repeat(97);

/** The layout of mod_sofia: name to 25, data to 42 columns, tabs between. */
export function sofiaStatus({ sipAddress, channels }: ApiContext): string {
  const row = (name: string, type: string, data: string, state: string) =>
    `${name.padStart(25)}\t${type}\t${data.padStart(42)}\t${state}\n`;
  return [
    row('Name', '   Type', 'Data', 'State'),
    `${RULE}\n`,
    row(PROFILE, 'profile', `sip:mod_sofia@${sipAddress}`, `RUNNING (${channels.size})`),
    `${RULE}\n1 profile 0 aliases\n`,
  ].join('');
}

/** `sofia status gateway`: there is none. */
export function sofiaGateways(): string {
  const head = `${'Profile::Gateway-Name'.padStart(25)}\t${'Data'.padStart(28)}    \tState\tPing Time\tIB Calls(F/T)\tOB Calls(F/T)\n`;
  return `${head}${RULE}\n${RULE}\n0 gateways: Inbound(Failed/Total): 0/0,Outbound(Failed/Total):0/0\n`;
}

/** `sofia status profile drachtio_mrf`: what is so here, in mod_sofia's lines. */
export function profileStatus({ sipAddress, channels, host }: ApiContext): string {
  const lines: readonly (readonly [string, string])[] = [
    ['Name', PROFILE],
    ['Domain Name', 'N/A'],
    ['Auto-NAT', 'false'],
    ['Dialplan', 'XML'],
    ['Context', CONTEXT],
    ['RTP-IP', host.address],
    ['SIP-IP', sipAddress.split(':')[0] ?? ''],
    ['URL', `sip:mod_sofia@${sipAddress}`],
    ['BIND-URL', `sip:mod_sofia@${sipAddress};transport=udp,tcp`],
    ['CODECS IN', host.codecs.join(',')],
    ['CODECS OUT', host.codecs.join(',')],
    ['TEL-EVENT', '101'],
    ['DTMF-MODE', 'rfc2833'],
    ['LATE-NEG', 'true'],
    ['CALLS-IN', String(channels.total)],
    ['FAILED-CALLS-IN', '0'],
    ['CALLS-OUT', '0'],
    ['FAILED-CALLS-OUT', '0'],
    ['REGISTRATIONS', '0'],
  ];
  return `${RULE}\n${lines.map(([name, value]) => `${name.padEnd(17)}\t${value}\n`).join('')}`;
}

export function statusText(channels: Channels): string {
  return [
    `UP ${uptime(channels.uptimeMs)}`,
    `FreeSWITCH (Version ${VERSION}  64bit) is ready`,
    `${channels.total} session(s) since startup`,
    `${channels.size} session(s) - peak ${channels.peak}, last 5min ${channels.size} `,
    `${channels.perSecond} session(s) per Sec out of max ${channels.maxPerSecond}, peak ${channels.perSecondPeak}, last 5min 0 `,
    `${channels.maxChannels} session(s) max`,
    'min idle cpu 0.00/100.00',
    '',
  ].join('\n');
}

/** What HEARTBEAT carries; `idleCpu` in per cent. */
export function heartbeatFields(channels: Channels, idleCpu: number): Fields {
  return [
    ['Event-Info', channels.isDraining ? 'System Paused' : 'System Ready'],
    ['Up-Time', uptime(channels.uptimeMs)],
    ['FreeSWITCH-Version', `${VERSION}~64bit`],
    ['Uptime-msec', String(Math.floor(channels.uptimeMs))],
    ['Session-Count', String(channels.size)],
    ['Max-Sessions', String(channels.maxChannels)],
    ['Session-Per-Sec', String(channels.maxPerSecond)],
    ['Session-Per-Sec-Last', String(channels.perSecond)],
    ['Session-Per-Sec-Max', String(channels.perSecondPeak)],
    ['Session-Per-Sec-FiveMin', '0'],
    ['Session-Since-Startup', String(channels.total)],
    ['Session-Peak-Max', String(channels.peak)],
    ['Session-Peak-FiveMin', String(channels.peak)],
    ['Idle-CPU', idleCpu.toFixed(6)],
  ];
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
