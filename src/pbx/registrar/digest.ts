// Digest access authentication as SIP uses it: parsing and computing, no state (RFC 7616 §3.4, RFC 8760).
import { createHash, timingSafeEqual } from 'node:crypto';
import { parseUri } from '../../protocol/sip/uri.ts';

export type DigestAlgorithm = 'SHA-256' | 'MD5';

/** What an Authorization header says, once it has everything that qop=auth asks for. */
export interface DigestResponse {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly algorithm: DigestAlgorithm;
  readonly response: string;
  readonly cnonce: string;
  /** As written: eight hex digits. */
  readonly nc: string;
}

const HASHES: Readonly<Record<DigestAlgorithm, string>> = { 'SHA-256': 'sha256', MD5: 'md5' };
const MAX_HEADER_CHARS = 4_096;

export function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(HASHES[algorithm]).update(text, 'utf8').digest('hex');
}

/** The response that who knows `ha1` gives (RFC 7616 §3.4.1, qop=auth). */
export function expectedResponse(digest: Omit<DigestResponse, 'response'>, ha1: string, method: string): string {
  const ha2 = hash(digest.algorithm, `${method}:${digest.uri}`);
  return hash(digest.algorithm, `${ha1}:${digest.nonce}:${digest.nc}:${digest.cnonce}:auth:${ha2}`);
}

/** Compares in constant time. */
export function isRightResponse(digest: DigestResponse, ha1: string, method: string): boolean {
  const expected = Buffer.from(expectedResponse(digest, ha1, method), 'latin1');
  const given = Buffer.from(digest.response.toLowerCase(), 'latin1');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * Whether a digest's `uri` names the resource of a request: the same person at the same host. Ports and parameters do not
 * count, since phones differ in whether they repeat them (RFC 7616 §3.4.6 asks for the same resource, not the same text).
 */
export function isSameResource(digestUri: string, requestUri: string): boolean {
  if (digestUri === requestUri) return true;
  const [named, asked] = [parseUri(digestUri), parseUri(requestUri)];
  if (named === undefined || asked === undefined) return false;
  return named.user === asked.user && named.host.toLowerCase() === asked.host.toLowerCase();
}

/** The first usable Digest response for `realm` in an Authorization header, whose lines may have been joined by commas. */
export function parseAuthorization(header: string | undefined, realm: string): DigestResponse | undefined {
  if (header === undefined || header.length > MAX_HEADER_CHARS) return undefined;
  for (const part of header.split(/(?:^|,\s*)Digest\s+/i).slice(1)) {
    const digest = digestOf(parseParams(part));
    if (digest !== undefined && digest.realm === realm) return digest;
  }
  return undefined;
}

function digestOf(params: ReadonlyMap<string, string>): DigestResponse | undefined {
  const algorithm = (params.get('algorithm') ?? 'MD5').toUpperCase();
  if (algorithm !== 'SHA-256' && algorithm !== 'MD5') return undefined;
  if (params.get('qop')?.toLowerCase() !== 'auth' || !/^[0-9a-f]{8}$/i.test(params.get('nc') ?? '')) return undefined;
  const texts = ['username', 'realm', 'nonce', 'uri', 'response', 'cnonce', 'nc'].map((name) => params.get(name));
  const [username, realm, nonce, uri, response, cnonce, nc] = texts;
  if (username === undefined || realm === undefined || nonce === undefined || uri === undefined) return undefined;
  if (response === undefined || cnonce === undefined || nc === undefined) return undefined;
  return { username, realm, nonce, uri, algorithm, response, cnonce, nc };
}

function parseParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const [, name = '', quoted, token = ''] of text.matchAll(
    /([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g,
  )) {
    const key = name.toLowerCase();
    if (!params.has(key)) params.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token);
  }
  return params;
}
