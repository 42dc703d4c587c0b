// Session descriptions (RFC 8866) as lines: a parser that keeps what it does not know and never throws, and the writer.
import type { MediaDirection } from './audio.ts';

export interface SdpAttribute {
  readonly name: string;
  /** What follows the colon; undefined for a property attribute such as `sendonly`. */
  readonly value: string | undefined;
}

export interface SdpMedia {
  readonly kind: string;
  readonly port: number;
  /** `RTP/AVP`, `RTP/SAVP`, … */
  readonly profile: string;
  readonly formats: readonly string[];
  /** The media's own `c=` address; the session's holds when undefined. */
  readonly address: string | undefined;
  readonly attributes: readonly SdpAttribute[];
}

export interface SdpOrigin {
  readonly name: string;
  readonly sessionId: string;
  readonly version: string;
  readonly address: string;
}

export interface SdpSession {
  readonly origin: SdpOrigin;
  readonly subject: string;
  readonly address: string | undefined;
  readonly attributes: readonly SdpAttribute[];
  readonly media: readonly SdpMedia[];
}

/** A session description is never longer than this, nor has it more lines or media. */
const MAX_CHARACTERS = 32_768;
const MAX_LINES = 1_000;
const MAX_MEDIA = 32;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Draft {
  origin: SdpOrigin | undefined;
  subject: string;
  address: string | undefined;
  attributes: SdpAttribute[];
  media: (Mutable<SdpMedia> & { attributes: SdpAttribute[] })[];
}

/** The description in `text`, or undefined when it is none. Unknown lines are skipped. Never throws. */
export function parseSdp(text: string): SdpSession | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const lines = text.split(/\r\n|\n|\r/, MAX_LINES + 1);
  if (lines.length > MAX_LINES || lines[0]?.trimEnd() !== 'v=0') return undefined;
  const draft: Draft = { origin: undefined, subject: '-', address: undefined, attributes: [], media: [] };
  for (const line of lines) {
    if (line[1] === '=' && !readLine(draft, line[0] ?? '', stripped(line.slice(2)))) return undefined;
  }
  const { origin, subject, address, attributes, media } = draft;
  return origin === undefined ? undefined : { origin, subject, address, attributes, media };
}

/** Blanks alone are no part of a value; other white space that JavaScript knows is. */
function stripped(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}

function readLine(draft: Draft, kind: string, value: string): boolean {
  const media = draft.media.at(-1);
  if (kind === 'a') (media ?? draft).attributes.push(readAttribute(value));
  else if (kind === 'm') return readMedia(draft, value);
  else if (kind === 'c') return readConnection(media ?? draft, value);
  else if (kind === 's' && media === undefined) draft.subject = value;
  else if (kind === 'o' && media === undefined) return readOrigin(draft, value);
  return true;
}

function readAttribute(value: string): SdpAttribute {
  const colon = value.indexOf(':');
  return colon < 0 ? { name: value, value: undefined } : { name: value.slice(0, colon), value: value.slice(colon + 1) };
}

function readMedia(draft: Draft, value: string): boolean {
  const [kind, portText, profile, ...formats] = value.split(/ +/);
  const port = readPort(portText);
  if (kind === undefined || port === undefined || profile === undefined) return false;
  if (draft.media.length >= MAX_MEDIA) return false;
  draft.media.push({ kind, port, profile, formats, address: undefined, attributes: [] });
  return true;
}

/** `49170`, or `49170/2`, of which the first port counts. */
function readPort(text: string | undefined): number | undefined {
  const digits = /^(\d{1,5})(?:\/\d+)?$/.exec(text ?? '')?.[1];
  const port = digits === undefined ? Number.NaN : Number(digits);
  return port <= 65535 ? port : undefined;
}

function readConnection(into: { address: string | undefined }, value: string): boolean {
  const address = /^IN IP[46] ([0-9A-Za-z.:_-]+)(?:\/\d+)*$/.exec(value)?.[1];
  into.address ??= address;
  return address !== undefined;
}

function readOrigin(draft: Draft, value: string): boolean {
  const [name, sessionId, version, , , address] = value.split(/ +/);
  if (name === undefined || sessionId === undefined || version === undefined || address === undefined) return false;
  draft.origin = { name, sessionId, version, address };
  return true;
}

/** The description as text, lines ended by CR LF. */
export function formatSdp(session: SdpSession): string {
  const { name, sessionId, version, address } = session.origin;
  const lines = ['v=0', `o=${name} ${sessionId} ${version} ${network(address)}`, `s=${session.subject || '-'}`];
  if (session.address !== undefined) lines.push(`c=${network(session.address)}`);
  lines.push('t=0 0', ...session.attributes.map(formatAttribute));
  for (const media of session.media) {
    lines.push(`m=${media.kind} ${media.port} ${media.profile} ${media.formats.join(' ')}`);
    if (media.address !== undefined) lines.push(`c=${network(media.address)}`);
    lines.push(...media.attributes.map(formatAttribute));
  }
  return `${lines.join('\r\n')}\r\n`;
}

function formatAttribute({ name, value }: SdpAttribute): string {
  return value === undefined ? `a=${name}` : `a=${name}:${value}`;
}

function network(address: string): string {
  return `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;
}

const DIRECTIONS: readonly string[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

/** The direction of a media, from its sender's side: its own, else the session's, else `sendrecv` (RFC 8866 §6.7). */
export function directionOf(session: SdpSession, media: SdpMedia): MediaDirection {
  const isDirection = ({ name }: SdpAttribute) => DIRECTIONS.includes(name);
  const found = media.attributes.find(isDirection) ?? session.attributes.find(isDirection);
  return found === undefined ? 'sendrecv' : (found.name as MediaDirection);
}

/** The values of all attributes called `name`, in order. */
export function attributeValues(media: SdpMedia, name: string): string[] {
  return media.attributes.flatMap((attribute) => (attribute.name === name ? [attribute.value ?? ''] : []));
}
