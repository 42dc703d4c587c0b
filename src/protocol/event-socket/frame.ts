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

/** An event in JSON: flat, every value a string, a repeated header an array. */
export function encodeJsonEvent(fields: EventFields): string {
  const body = JSON.stringify(Object.fromEntries(fields));
  return `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`;
}

/** The answer to `connect`: the channel's headers, percent-encoded, with the reply's own at the end. */
export function encodeChannelData(fields: EventFields): string {
  return `${encodeHeaderBlock(fields)}Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n`;
}

/** Headers of an event, one a line, percent-encoded: `uuid_dump` and the block after `connect`. */
export function encodeHeaderBlock(fields: EventFields): string {
  let block = '';
  for (const [name, value] of fields) block += `${name}: ${encodeValue(joined(value))}\n`;
  return block;
}

/** Said before the media server closes; `channel` names the one that an outbound socket controlled. */
export function encodeDisconnectNotice(channel?: string): string {
  const controlled =
    channel === undefined ? '' : `Controlled-Session-UUID: ${channel}\nContent-Disposition: disconnect\n`;
  return `Content-Type: text/disconnect-notice\n${controlled}Content-Length: ${GOODBYE.length}\n\n${GOODBYE}`;
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
