// The pure pieces of SIP digest authentication: challenges, credentials, responses (RFC 7616, RFC 8760); the hash is passed in.
import { quote, splitList, unquote } from './uri.ts';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** Lower-case hex of the hash of UTF-8 text. */
export type HashHex = (algorithm: DigestAlgorithm, text: string) => string;

/** Parameters by lower-case name, quotes removed. */
export type DigestParams = ReadonlyMap<string, string>;

export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  readonly opaque?: string;
  /** Undefined for peers that know RFC 2069 alone. */
  readonly qop?: 'auth';
  readonly isStale?: boolean;
}

export interface DigestRequest {
  readonly method: string;
  /** As in the credentials' `uri`. */
  readonly uri: string;
  readonly nonce: string;
  /** With qop alone: the count as eight hex digits, and the client's nonce. */
  readonly counted?: { readonly nc: string; readonly cnonce: string };
}

/** Parameters that are written without quotes (RFC 7616 §3.3, §3.4). */
const BARE = new Set(['algorithm', 'stale', 'nc', 'qop']);

/** The parameters of an Authorization, Proxy-Authorization or …-Authenticate value; undefined when its scheme is not Digest. */
export function parseDigest(value: string): DigestParams | undefined {
  const match = /^\s*digest\s+/i.exec(value);
  if (match === null) return undefined;
  const params = new Map<string, string>();
  for (const item of splitList(value.slice(match[0].length))) {
    const equals = item.indexOf('=');
    const name = item.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    // RFC 7616 §3.4: each parameter at most once.
    if (name === '' || params.has(name)) return undefined;
    params.set(name, unquote(item.slice(equals + 1).trim()));
  }
  return params;
}

/** The challenge in a WWW-Authenticate or Proxy-Authenticate value that we can answer; undefined otherwise. */
export function parseChallenge(value: string): DigestChallenge | undefined {
  const params = parseDigest(value);
  const realm = params?.get('realm');
  const nonce = params?.get('nonce');
  const algorithm = parseAlgorithm(params?.get('algorithm'));
  if (params === undefined || realm === undefined || nonce === undefined || algorithm === undefined) return undefined;
  const offered = params.get('qop');
  const hasAuth = offered?.split(',').some((word) => word.trim().toLowerCase() === 'auth');
  if (offered !== undefined && hasAuth !== true) return undefined;
  const opaque = params.get('opaque');
  return {
    realm,
    nonce,
    algorithm,
    isStale: params.get('stale')?.toLowerCase() === 'true',
    ...(offered === undefined ? {} : { qop: 'auth' as const }),
    ...(opaque === undefined ? {} : { opaque }),
  };
}

/** RFC 8760 §2.4: no algorithm means MD5. The session variants and others are not ours. */
export function parseAlgorithm(text: string | undefined): DigestAlgorithm | undefined {
  const word = (text ?? 'MD5').toUpperCase();
  return word === 'MD5' || word === 'SHA-256' ? word : undefined;
}

export function formatDigest(params: Iterable<readonly [name: string, value: string]>): string {
  return `Digest ${[...params].map(([name, value]) => `${name}=${BARE.has(name) ? value : quote(value)}`).join(',')}`;
}

export function formatChallenge(challenge: DigestChallenge): string {
  const { realm, nonce, opaque, algorithm, qop, isStale } = challenge;
  const pairs: [string, string][] = [
    ['realm', realm],
    ['nonce', nonce],
  ];
  if (opaque !== undefined) pairs.push(['opaque', opaque]);
  if (isStale === true) pairs.push(['stale', 'true']);
  pairs.push(['algorithm', algorithm]);
  // RFC 7616 §3.3: qop is quoted in a challenge, and bare in credentials.
  return `${formatDigest(pairs)}${qop === undefined ? '' : `,qop="${qop}"`}`;
}

/** RFC 7616 §3.4.2: what is kept in place of a password. */
export function ha1(
  algorithm: DigestAlgorithm,
  username: string,
  realm: string,
  password: string,
  hash: HashHex,
): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/** RFC 7616 §3.4.1 with qop=auth, or RFC 2069's form without. */
export function digestResponse(
  algorithm: DigestAlgorithm,
  ha1Hex: string,
  request: DigestRequest,
  hash: HashHex,
): string {
  const ha2 = hash(algorithm, `${request.method}:${request.uri}`);
  const { nonce, counted } = request;
  const middle = counted === undefined ? nonce : `${nonce}:${counted.nc}:${counted.cnonce}:auth`;
  return hash(algorithm, `${ha1Hex}:${middle}:${ha2}`);
}

/** The credentials that answer `challenge`: the value of Authorization or Proxy-Authorization. */
export function formatCredentials(
  challenge: DigestChallenge,
  user: { readonly name: string; readonly ha1: string },
  request: { readonly method: string; readonly uri: string; readonly count: number; readonly cnonce: string },
  hash: HashHex,
): string {
  const { algorithm, nonce, realm, opaque, qop } = challenge;
  const counted =
    qop === undefined ? undefined : { nc: request.count.toString(16).padStart(8, '0'), cnonce: request.cnonce };
  const place = { method: request.method, uri: request.uri, nonce };
  const response = digestResponse(algorithm, user.ha1, counted === undefined ? place : { ...place, counted }, hash);
  const pairs: [string, string][] = [
    ['username', user.name],
    ['realm', realm],
    ['nonce', nonce],
    ['uri', request.uri],
    ['response', response],
  ];
  pairs.push(['algorithm', algorithm]);
  if (opaque !== undefined) pairs.push(['opaque', opaque]);
  if (counted !== undefined) pairs.push(['qop', 'auth'], ['nc', counted.nc], ['cnonce', counted.cnonce]);
  return formatDigest(pairs);
}
