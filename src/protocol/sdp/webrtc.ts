// What SDP says of ICE and DTLS (RFC 8839, RFC 8842, RFC 8122, RFC 9143): theirs read, ours written, and who does what.
import type { HostPort } from '../../kernel/ip.ts';
import type { DtlsIdentity, DtlsRole } from '../dtls/handshake.ts';
import { fingerprintOf } from '../dtls/identity.ts';
import type { IceCredentials } from '../ice/agent.ts';
import type { IceCandidate } from '../ice/candidate.ts';
import { formatHostCandidate, parseCandidates } from '../ice/candidate.ts';
import type { SrtpSuite } from '../rtp/srtp-suite.ts';
import type { DtlsAudio } from './audio.ts';
import type { SdpAttribute, SdpMedia, SdpSession } from './session.ts';
import { attributeValues } from './session.ts';

/** `a=setup` (RFC 4145 §4); without one it is `actpass`. */
type Setup = 'actpass' | 'active' | 'passive';

export interface RemoteDtls {
  readonly credentials: IceCredentials;
  readonly candidates: readonly IceCandidate[];
  /** RFC 8445 §2.7: it only answers checks. */
  readonly isLite: boolean;
  readonly fingerprint: Uint8Array;
  readonly setup: Setup;
  readonly tlsId: string | undefined;
}

/** Our half: credentials are fresh for each ICE session, the id for each DTLS association. */
export interface LocalDtls {
  readonly identity: DtlsIdentity;
  readonly credentials: IceCredentials;
  readonly tlsId: string;
}

const SETUPS: readonly string[] = ['actpass', 'active', 'passive'];
const UFRAG_BYTES = 6;
const PASSWORD_BYTES = 18;
/** RFC 8842 §4: at least 20 characters, and 120 bits that nobody can guess. */
const TLS_ID_BYTES = 24;
const TLS_ID = /^[A-Za-z0-9+/_-]{20,255}$/;

/** Of the media, else of the session. */
function valuesOf(session: SdpSession, media: SdpMedia, name: string): string[] {
  const own = attributeValues(media, name);
  if (own.length > 0) return own;
  return session.attributes.flatMap((attribute) => (attribute.name === name ? [attribute.value ?? ''] : []));
}

export function hasFingerprint(session: SdpSession, media: SdpMedia): boolean {
  return valuesOf(session, media, 'fingerprint').length > 0;
}

/** Undefined: something is missing that we cannot do without: SHA-256, ICE, and RTCP on the same port. */
export function parseDtls(session: SdpSession, media: SdpMedia): RemoteDtls | undefined {
  const one = (name: string) => valuesOf(session, media, name)[0]?.trim() ?? '';
  const [ufrag, password] = [one('ice-ufrag'), one('ice-pwd')];
  const setup = one('setup') || 'actpass';
  const tlsId = attributeValues(media, 'tls-id')[0]?.trim() ?? '';
  const fingerprint = parseFingerprint(valuesOf(session, media, 'fingerprint'));
  const isMuxed = media.attributes.some(({ name }) => name === 'rtcp-mux');
  const hasIce = /^[A-Za-z0-9+/]{4,256}$/.test(ufrag) && /^[A-Za-z0-9+/]{22,256}$/.test(password);
  if (fingerprint === undefined || !hasIce || !isMuxed || !SETUPS.includes(setup)) return undefined;
  return {
    credentials: { ufrag, password },
    candidates: parseCandidates(attributeValues(media, 'candidate')),
    isLite: session.attributes.some(({ name }) => name === 'ice-lite'),
    fingerprint,
    setup: setup as Setup,
    tlsId: TLS_ID.test(tlsId) ? tlsId : undefined,
  };
}

/** RFC 8122 §5: the SHA-256 one; others are passed over. */
function parseFingerprint(values: readonly string[]): Uint8Array | undefined {
  for (const value of values) {
    const hex = /^sha-256\s+((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.exec(value.trim())?.[1];
    if (hex !== undefined) return new Uint8Array(Buffer.from(hex.replaceAll(':', ''), 'hex'));
  }
  return undefined;
}

export function freshCredentials(random: (count: number) => Uint8Array): IceCredentials {
  const text = (bytes: number) => Buffer.from(random(bytes)).toString('base64');
  return { ufrag: text(UFRAG_BYTES), password: text(PASSWORD_BYTES) };
}

export function freshTlsId(random: (count: number) => Uint8Array): string {
  return Buffer.from(random(TLS_ID_BYTES)).toString('base64');
}

/** RFC 8842 §4: certificate, role and ids are what they were. An id that is not told has not changed. */
export function isSameAssociation(a: DtlsAudio, b: DtlsAudio): boolean {
  const { remoteTlsId: before = b.remoteTlsId } = a;
  const { remoteTlsId: after = before } = b;
  const isSamePeer = Buffer.compare(a.fingerprint, b.fingerprint) === 0 && before === after;
  return isSamePeer && a.role === b.role && a.localTlsId === b.localTlsId;
}

export interface DtlsTerms {
  readonly local: LocalDtls;
  readonly suites: readonly SrtpSuite[];
  /** What runs already: its role stays (RFC 8842 §5.3). */
  readonly running: DtlsAudio | undefined;
  /** Whether the offer was ours: then choosing the pair is, too (RFC 8445 §6.1.1). */
  readonly isOfferer: boolean;
}

export function agreeDtls(theirs: RemoteDtls, { local, suites, running, isOfferer }: DtlsTerms): DtlsAudio {
  const { fingerprint, credentials, candidates, isLite } = theirs;
  const isSamePeer = running !== undefined && Buffer.compare(running.fingerprint, fingerprint) === 0;
  return {
    role: isSamePeer && theirs.setup === 'actpass' ? running.role : roleFor(theirs.setup),
    identity: local.identity,
    fingerprint,
    suites,
    local: local.credentials,
    remote: credentials,
    candidates,
    isControlling: isOfferer || isLite,
    localTlsId: local.tlsId,
    remoteTlsId: theirs.tlsId,
  };
}

/** RFC 5763 §5: who may choose answers `active`. */
function roleFor(setup: Setup): DtlsRole {
  return setup === 'active' ? 'server' : 'client';
}

/** Our lines; `setup` as it stands from our side. Who did not tell its id is not told ours (RFC 8842 §5.3). */
export function dtlsAttributes(local: LocalDtls, setup: Setup, address: HostPort, hasId = true): SdpAttribute[] {
  const print = Buffer.from(fingerprintOf(local.identity.certificate)).toString('hex').toUpperCase();
  return [
    { name: 'rtcp-mux', value: undefined },
    { name: 'ice-ufrag', value: local.credentials.ufrag },
    { name: 'ice-pwd', value: local.credentials.password },
    { name: 'fingerprint', value: `sha-256 ${print.match(/../g)?.join(':')}` },
    { name: 'setup', value: setup },
    ...(hasId ? [{ name: 'tls-id', value: local.tlsId }] : []),
    { name: 'msid', value: 'mrf audio' },
    { name: 'candidate', value: formatHostCandidate(address) },
    { name: 'end-of-candidates', value: undefined },
  ];
}

/** RFC 9143 §7.3: our media stays in the bundle that it was offered in. */
export function bundleOf(session: SdpSession, media: SdpMedia): SdpAttribute[] {
  const mid = attributeValues(media, 'mid')[0]?.trim();
  const isBundled = session.attributes.some(
    ({ name, value = '' }) =>
      name === 'group' && /^BUNDLE /.test(value) && mid !== undefined && value.split(' ').includes(mid),
  );
  return isBundled ? [{ name: 'group', value: `BUNDLE ${mid}` }] : [];
}

export function midOf(media: SdpMedia): SdpAttribute[] {
  const mid = attributeValues(media, 'mid')[0]?.trim();
  return mid === undefined || !/^[\w!#$%&'*+.^`{|}~-]{1,32}$/.test(mid) ? [] : [{ name: 'mid', value: mid }];
}
