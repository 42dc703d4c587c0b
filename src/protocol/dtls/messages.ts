// Handshake messages of DTLS 1.2 as they stand on the wire (RFC 6347 §4.2, RFC 5246 §7.4, RFC 8422 §5): parsed or undefined, never thrown over.
import { ByteReader, readUint16List, uint, uint16List, vector } from './bytes.ts';
import { DTLS_1_2 } from './record.ts';
import { SECP256R1, SIGNATURE_SCHEMES } from './suites.ts';

export const HandshakeType = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const RANDOM_BYTES = 32;
const MAX_CERTIFICATES = 8;
const MAX_EXTENSIONS = 64;
const NAMED_CURVE = 3;
const POINT_UNCOMPRESSED = 0;
const ECDSA_SIGN = 64;
const RSA_SIGN = 1;

const Extension = {
  groups: 10,
  pointFormats: 11,
  signatures: 13,
  srtp: 14,
  extendedMasterSecret: 23,
  renegotiation: 0xff01,
} as const;

/** What a hello says that we act on. */
export interface Hello {
  readonly random: Buffer;
  /** All that the client offers; the one that the server took. */
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly signatures: readonly number[];
  readonly srtpProfiles: readonly number[];
  readonly hasExtendedMasterSecret: boolean;
}

export function formatClientHello(random: Buffer, cookie: Buffer, suites: number[], profiles: number[]): Buffer {
  const body = [uint(DTLS_1_2, 2), random, vector(1), vector(1, cookie)];
  return Buffer.concat([...body, vector(2, uint16List(suites)), vector(1, Buffer.of(0)), clientExtensions(profiles)]);
}

function clientExtensions(profiles: number[]): Buffer {
  return vector(
    2,
    extension(Extension.groups, vector(2, uint16List([SECP256R1]))),
    extension(Extension.pointFormats, vector(1, Buffer.of(POINT_UNCOMPRESSED))),
    extension(Extension.signatures, vector(2, uint16List(SIGNATURE_SCHEMES.map(({ id }) => id)))),
    ...sharedExtensions(profiles),
  );
}

export function formatServerHello(random: Buffer, suite: number, profile: number): Buffer {
  const body = [uint(DTLS_1_2, 2), random, vector(1), uint(suite, 2), Buffer.of(0)];
  const points = extension(Extension.pointFormats, vector(1, Buffer.of(POINT_UNCOMPRESSED)));
  return Buffer.concat([...body, vector(2, points, ...sharedExtensions([profile]))]);
}

/** No renegotiation, the extended master secret, and these SRTP profiles without an MKI. */
function sharedExtensions(profiles: number[]): Buffer[] {
  return [
    extension(Extension.srtp, Buffer.concat([vector(2, uint16List(profiles)), vector(1)])),
    extension(Extension.extendedMasterSecret, Buffer.alloc(0)),
    extension(Extension.renegotiation, vector(1)),
  ];
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([uint(type, 2), vector(2, body)]);
}

/** Undefined: malformed, of another version, or without the null compression. */
export function parseClientHello(body: Buffer): Hello | undefined {
  const reader = new ByteReader(body);
  const version = reader.uint(2);
  const random = reader.take(RANDOM_BYTES);
  reader.vector(1);
  reader.vector(1);
  const suites = readUint16List(reader.vector(2));
  const compressions = reader.vector(1);
  if (version !== DTLS_1_2 || !compressions.includes(0)) return undefined;
  return parseExtensions(reader, random, suites);
}

export function parseServerHello(body: Buffer): Hello | undefined {
  const reader = new ByteReader(body);
  const version = reader.uint(2);
  const random = reader.take(RANDOM_BYTES);
  reader.vector(1);
  const suite = reader.uint(2);
  const compression = reader.uint(1);
  if (version !== DTLS_1_2 || compression !== 0) return undefined;
  return parseExtensions(reader, random, [suite]);
}

function parseExtensions(reader: ByteReader, random: Buffer, suites: readonly number[]): Hello | undefined {
  const found = new Map<number, Buffer>();
  const list = new ByteReader(reader.left > 0 ? reader.vector(2) : Buffer.alloc(0));
  for (let seen = 0; list.left > 0; seen++) {
    const type = list.uint(2);
    if (found.has(type) || seen >= MAX_EXTENSIONS) return undefined;
    found.set(type, list.vector(2));
    if (list.isBroken) return undefined;
  }
  // RFC 5746 §3.4, §3.6: a first handshake has nothing to renegotiate.
  const renegotiated = found.get(Extension.renegotiation);
  if (!reader.isDone || (renegotiated !== undefined && !renegotiated.equals(Buffer.of(0)))) return undefined;
  const numbers = (type: number) => readUint16List(new ByteReader(found.get(type) ?? Buffer.alloc(2)).vector(2));
  return {
    random,
    suites,
    groups: numbers(Extension.groups),
    signatures: numbers(Extension.signatures),
    srtpProfiles: numbers(Extension.srtp),
    hasExtendedMasterSecret: found.has(Extension.extendedMasterSecret),
  };
}

export function parseCookie(body: Buffer): Buffer | undefined {
  const reader = new ByteReader(body);
  reader.uint(2);
  const cookie = reader.vector(1);
  return reader.isDone ? cookie : undefined;
}

export function formatCertificate(der: Uint8Array): Buffer {
  return vector(3, vector(3, der));
}

/** The peer's own certificate, first in its chain; undefined when malformed or empty. */
export function parseCertificate(body: Buffer): Buffer | undefined {
  const reader = new ByteReader(body);
  const chain = new ByteReader(reader.vector(3));
  const first = chain.vector(3);
  for (let more = 1; chain.left > 0 && !chain.isBroken && more < MAX_CERTIFICATES; more++) chain.vector(3);
  return reader.isDone && chain.isDone && first.length > 0 ? first : undefined;
}

export interface Signed {
  readonly scheme: number;
  readonly signature: Buffer;
}

export interface ServerKeyExchange extends Signed {
  /** What is signed, beside both randoms. */
  readonly parameters: Buffer;
  readonly point: Buffer;
}

export function formatKeyParameters(point: Buffer): Buffer {
  return Buffer.concat([Buffer.of(NAMED_CURVE), uint(SECP256R1, 2), vector(1, point)]);
}

export function formatSigned({ scheme, signature }: Signed): Buffer {
  return Buffer.concat([uint(scheme, 2), vector(2, signature)]);
}

export function parseServerKeyExchange(body: Buffer): ServerKeyExchange | undefined {
  const reader = new ByteReader(body);
  const [kind, curve] = [reader.uint(1), reader.uint(2)];
  const point = reader.vector(1);
  const parameters = body.subarray(0, body.length - reader.left);
  const [scheme, signature] = [reader.uint(2), reader.vector(2)];
  if (!reader.isDone || kind !== NAMED_CURVE || curve !== SECP256R1) return undefined;
  return { scheme, signature, parameters, point };
}

export function parseCertificateVerify(body: Buffer): Signed | undefined {
  const reader = new ByteReader(body);
  const [scheme, signature] = [reader.uint(2), reader.vector(2)];
  return reader.isDone ? { scheme, signature } : undefined;
}

export function formatCertificateRequest(): Buffer {
  const schemes = uint16List(SIGNATURE_SCHEMES.map(({ id }) => id));
  return Buffer.concat([vector(1, Buffer.of(ECDSA_SIGN, RSA_SIGN)), vector(2, schemes), vector(2)]);
}

/** Signature schemes that the server takes of us. */
export function parseCertificateRequest(body: Buffer): number[] | undefined {
  const reader = new ByteReader(body);
  reader.vector(1);
  const schemes = readUint16List(reader.vector(2));
  reader.vector(2);
  return reader.isDone ? schemes : undefined;
}

export function formatClientKeyExchange(point: Buffer): Buffer {
  return vector(1, point);
}

export function parseClientKeyExchange(body: Buffer): Buffer | undefined {
  const reader = new ByteReader(body);
  const point = reader.vector(1);
  return reader.isDone ? point : undefined;
}
