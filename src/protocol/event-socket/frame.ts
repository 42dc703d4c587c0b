// Frames that the media server sends on an event socket: headers, an empty line, and as many body bytes as announced.

/** The greeting; the client waits for it. */
export const AUTH_REQUEST = 'Content-Type: auth/request\n\n';

const GOODBYE = 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n';

export type FieldValue = string | readonly string[];
/** Headers of an event in the order they are written. */
export type EventFields = ReadonlyMap<string, FieldValue>;

/** The one answer to whatever is not `api`. Further headers follow the text, as FreeSWITCH writes them. */
export function encodeReply(text: string, headers: ReadonlyArray<readonly [string, string]> = []): string {
  const lines = headers.map(([name, value]) => `${name}: ${plainHeader(value)}\n`).join('');
  return `Content-Type: command/reply\nReply-Text: ${plainHeader(text)}\n${lines}\n`;
}

/** The answer to `api`; FreeSWITCH never sends an empty one. */
export function encodeApiResponse(body: string): string {
  const text = body === '' ? '-ERR no reply\n' : body;
  return `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(text)}\n\n${text}`;
}

/** One line of the log, as `log <level>` asks for it; `channel` is the call that it is about, or empty. */
export function encodeLogLine(level: number, line: string, channel: string): string {
  const headers = `Log-Level: ${level}\nText-Channel: 0\nLog-File: media-server\nLog-Func: log\nLog-Line: 1\nUser-Data: ${channel}\n`;
  return `Content-Type: log/data\nContent-Length: ${Buffer.byteLength(line)}\n${headers}\n${line}`;
}

export type EventFormat = 'json' | 'plain' | 'xml';

/** An event as its socket asked for it. */
export function encodeEvent(fields: EventFields, format: EventFormat): string {
  const body = EVENT_BODIES[format](measured(fields));
  return `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-${format}\n\n${body}`;
}

/** An event with a body of its own says how long that is: libesl reads no body otherwise. */
function measured(fields: EventFields): EventFields {
  const body = fields.get('_body');
  if (body === undefined) return fields;
  const headers = new Map(fields);
  headers.delete('_body');
  return headers.set('Content-Length', String(Buffer.byteLength(joined(body)))).set('_body', body);
}

const EVENT_BODIES: Readonly<Record<EventFormat, (fields: EventFields) => string>> = {
  json: encodeJson,
  plain: encodePlain,
  xml: encodeXml,
};

/** Flat, every value a string, a repeated header an array, the body under `_body`. */
export function encodeJson(fields: EventFields): string {
  return JSON.stringify(Object.fromEntries(fields));
}

/** Headers percent-encoded one a line, an empty line, and the event's own body behind it. */
export function encodePlain(fields: EventFields): string {
  const headers = new Map(fields);
  const body = joined(headers.get('_body') ?? '');
  headers.delete('_body');
  return `${encodeHeaderBlock(headers)}\n${body}`;
}

export function encodeXml(fields: EventFields): string {
  const lines: string[] = [];
  for (const [name, value] of fields) {
    if (name !== '_body') lines.push(`    <${name}>${escapeXml(encodeValue(joined(value)))}</${name}>\n`);
  }
  const body = fields.get('_body');
  const inner = body === undefined ? '' : `  <body>${escapeXml(joined(body))}</body>\n`;
  return `<event>\n  <headers>\n${lines.join('')}  </headers>\n${inner}</event>`;
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => XML_ENTITIES[character] ?? '');
}

const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** The answer to `connect`: the channel's headers, percent-encoded, with the reply's own at the end. */
export function encodeChannelData(fields: EventFields, escapes: Escapes = 'encoded'): string {
  return `${encodeHeaderBlock(fields, escapes)}Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n`;
}

/** `passed`: a `%XX` in a value stays as it is, to be decoded once too often, as FreeSWITCH leaves it. */
export type Escapes = 'encoded' | 'passed';

/** Headers of an event, one a line, percent-encoded: `uuid_dump` and the block after `connect`. */
export function encodeHeaderBlock(fields: EventFields, escapes: Escapes = 'encoded'): string {
  let block = '';
  for (const [name, value] of fields) {
    const encoded = encodeValue(joined(value));
    block += `${name}: ${escapes === 'encoded' ? encoded : encoded.replace(/%25([0-9A-F]{2})/g, '%$1')}\n`;
  }
  return block;
}

/** Said before the media server closes; `channel` names the one that an outbound socket controlled. */
export function encodeDisconnectNotice(channel?: string): string {
  const controlled =
    channel === undefined ? '' : `Controlled-Session-UUID: ${channel}\nContent-Disposition: disconnect\n`;
  return `Content-Type: text/disconnect-notice\n${controlled}Content-Length: ${GOODBYE.length}\n\n${GOODBYE}`;
}

/** Said when the channel ends and the client asked to be told the rest; `seconds` until it closes, -1 without end. */
export function encodeLingerNotice(channel: string, name: string, seconds: number): string {
  const headers = `Controlled-Session-UUID: ${channel}\nContent-Disposition: linger\nChannel-Name: ${plainHeader(name)}\nLinger-Time: ${seconds}\n`;
  return `Content-Type: text/disconnect-notice\n${headers}Content-Length: 0\n\n`;
}

const PLAIN = /^[A-Za-z0-9/,()!'*$._~-]*$/;
const ENCODED = /[^A-Za-z0-9/,()!'*$._~-]/gu;

/**
 * One value of a header block. Every `%` becomes `%25` and what is no valid text becomes U+FFFD: the client decodes without a
 * guard and dies of anything else. An empty value is `_undef_`, as FreeSWITCH prints it.
 */
export function encodeValue(value: string): string {
  if (value === '') return '_undef_';
  return PLAIN.test(value) ? value : value.toWellFormed().replace(ENCODED, percentOf);
}

function percentOf(character: string): string {
  const code = character.charCodeAt(0);
  // encodeURIComponent leaves none of the ASCII characters that reach this place as they are.
  return code < 0x80 ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : encodeURIComponent(character);
}

/** A header value on one line whose decoding gives it back. */
function plainHeader(value: string): string {
  return value
    .toWellFormed()
    .replaceAll('%', '%25')
    .replace(/[\r\n]+/g, ' ');
}

/** FreeSWITCH's own form of a repeated header in one line. */
function joined(value: FieldValue): string {
  return typeof value === 'string' ? value : `ARRAY::${value.join('|:')}`;
}
