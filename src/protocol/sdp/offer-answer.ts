// The rules of offer and answer for audio, one small function each (RFC 3264, RFC 4568 §5.1; FreeSWITCH's choices where RFCs leave one).
import type { HostPort } from '../../kernel/ip.ts';
import { profilesOf } from '../dtls/suites.ts';
import type { AudioCodec, MediaDirection, SdpRefusal, SecurePolicy } from './audio.ts';
import { CODECS, chooseCodec } from './codecs.ts';
import type { CryptoLine } from './crypto.ts';
import { parseCrypto } from './crypto.ts';
import type { KeyPolicy } from './key-policy.ts';
import type { SdpMedia, SdpSession } from './session.ts';
import { attributeValues } from './session.ts';
import type { RemoteDtls } from './webrtc.ts';
import { hasFingerprint, parseDtls } from './webrtc.ts';

/** Crypto lines looked at in one media. */
const MAX_CRYPTO_LINES = 32;

export type MediaKind = 'plain' | 'sdes' | 'dtls';

/** How a media is protected, by its profile (RFC 3711, RFC 5764 §8); undefined: not RTP as we speak it (T.38…). */
export function kindOf(session: SdpSession, media: SdpMedia): MediaKind | undefined {
  const { profile } = media;
  if (profile === 'RTP/AVP' || profile === 'RTP/AVPF') return 'plain';
  if (profile === 'UDP/TLS/RTP/SAVPF' || profile === 'UDP/TLS/RTP/SAVP') return 'dtls';
  if (profile !== 'RTP/SAVP' && profile !== 'RTP/SAVPF') return undefined;
  // Older WebRTC peers name DTLS-SRTP so.
  return attributeValues(media, 'crypto').length === 0 && hasFingerprint(session, media) ? 'dtls' : 'sdes';
}

export interface ChosenMedia {
  readonly index: number;
  readonly media: SdpMedia;
  readonly codec: AudioCodec;
  readonly type: number;
  readonly kind: MediaKind;
  /** Theirs, of SDES. */
  readonly crypto: CryptoLine | undefined;
  /** Theirs, of DTLS. */
  readonly dtls: RemoteDtls | undefined;
  readonly address: string;
}

export interface Taste extends KeyPolicy {
  readonly codecs: readonly AudioCodec[];
  /** Whether DTLS-SRTP can be done. */
  readonly hasDtls: boolean;
}

/** The first audio line of `session` that we can take, or why its first audio line cannot be. */
export function chooseMedia(session: SdpSession, taste: Taste): ChosenMedia | SdpRefusal {
  if (taste.secure !== 'preferred') return chooseFirst(session, taste);
  const secured = chooseFirst(session, { ...taste, secure: 'required' });
  return typeof secured === 'string' ? chooseFirst(session, { ...taste, secure: 'optional' }) : secured;
}

function chooseFirst(session: SdpSession, taste: Taste): ChosenMedia | SdpRefusal {
  let refusal: SdpRefusal | undefined;
  for (const [index, media] of session.media.entries()) {
    if (media.kind !== 'audio' || media.port === 0) continue;
    const chosen = judge(session, media, index, taste);
    if (typeof chosen !== 'string') return chosen;
    refusal ??= chosen;
  }
  return refusal ?? (session.media.some(({ kind }) => kind === 'audio') ? 'rejected' : 'no-audio');
}

function judge(session: SdpSession, media: SdpMedia, index: number, taste: Taste): ChosenMedia | SdpRefusal {
  const told = kindOf(session, media);
  const crypto = told === 'sdes' ? chooseCrypto(media, taste) : undefined;
  // Keys of both kinds, and of SDES none that can be used.
  const isRatherDtls = told === 'sdes' && crypto === undefined && taste.hasDtls && hasFingerprint(session, media);
  const kind = isRatherDtls ? 'dtls' : told;
  if (kind === undefined || (kind === 'dtls' && !taste.hasDtls)) return 'profile';
  const dtls = kind === 'dtls' ? parseDtls(session, media) : undefined;
  const refusal = refuseSecurity(media, kind, taste.secure);
  if (refusal !== undefined) return refusal;
  if (kind === 'sdes' && crypto === undefined) return 'no-usable-crypto';
  if (kind === 'dtls' && (dtls === undefined || profilesOf(taste.suites).length === 0)) return 'no-usable-dtls';
  const codec = chooseCodec(media, taste.codecs);
  if (codec === undefined) return 'no-codec';
  const address = media.address ?? session.address;
  if (address === undefined || !isUnicast(address)) return 'no-address';
  return { index, media, kind, crypto, dtls, address, ...codec };
}

function refuseSecurity(media: SdpMedia, kind: MediaKind, policy: SecurePolicy): SdpRefusal | undefined {
  const isSecure = kind !== 'plain';
  if (isSecure && policy === 'forbidden') return 'secure-forbidden';
  if (!isSecure && policy === 'required') return 'secure-required';
  // FreeSWITCH refuses keys beside a profile that does not use them.
  return !isSecure && attributeValues(media, 'crypto').length > 0 ? 'crypto-in-avp' : undefined;
}

/** Of the lines whose suite is allowed, the first in the offerer's order, however weak, or the first in ours. */
function chooseCrypto(media: SdpMedia, { suites, order }: KeyPolicy): CryptoLine | undefined {
  const lines = cryptoLines(media).filter((line) => suites.includes(line.suite));
  if (order === 'theirs') return lines[0];
  return suites.flatMap((suite) => lines.find((line) => line.suite === suite) ?? [])[0];
}

export function cryptoLines(media: SdpMedia): CryptoLine[] {
  return attributeValues(media, 'crypto')
    .slice(0, MAX_CRYPTO_LINES)
    .flatMap((value) => parseCrypto(value) ?? []);
}

/** RFC 3264 §6.1: our direction, from theirs and what we would like. */
export function answerDirection(theirs: MediaDirection, wanted: MediaDirection): MediaDirection {
  const sends = sendsIn(wanted) && receivesIn(theirs);
  const receives = receivesIn(wanted) && sendsIn(theirs);
  if (sends) return receives ? 'sendrecv' : 'sendonly';
  return receives ? 'recvonly' : 'inactive';
}

export function sendsIn(direction: MediaDirection): boolean {
  return direction === 'sendrecv' || direction === 'sendonly';
}

export function receivesIn(direction: MediaDirection): boolean {
  return direction === 'sendrecv' || direction === 'recvonly';
}

/** Where to send; undefined when it is our own address that came back, or a hold by c=0.0.0.0 (RFC 2543 §B.5). */
export function remoteOf(chosen: ChosenMedia, local: HostPort): HostPort | undefined {
  const { address: host, media } = chosen;
  if (host === '0.0.0.0' || host === '::' || isOwnAddress(host, media.port, local)) return undefined;
  return { host, port: media.port };
}

/** Their RTCP, when it is not on the port above: with their RTP when both sides say so, or where `a=rtcp` puts it. */
export function rtcpOf({ media, address }: ChosenMedia): HostPort | 'mux' | undefined {
  if (isMuxed(media)) return 'mux';
  const [, portText, host] = /^(\d{1,5})(?: IN IP[46] (\S+))?$/.exec(attributeValues(media, 'rtcp')[0] ?? '') ?? [];
  const port = Number(portText ?? 0);
  if (port < 1 || port > 65_535) return undefined;
  return host !== undefined && !isUnicast(host) ? undefined : { host: host ?? address, port };
}

/** What they would like to get: `a=ptime`, held below `a=maxptime` and to what the codec can; undefined for the usual 20 ms. */
export function packetMsOf({ media, codec }: ChosenMedia): number | undefined {
  const wanted = Number(attributeValues(media, 'ptime')[0]) || 20;
  const most = Number(attributeValues(media, 'maxptime')[0]) || 60;
  const { packetMs } = CODECS[codec];
  const allowed = packetMs.filter((ms) => ms <= most);
  const ms = allowed.findLast((each) => each <= wanted) ?? allowed[0] ?? packetMs[0];
  return ms === 20 ? undefined : ms;
}

export function isMuxed(media: SdpMedia): boolean {
  return media.attributes.some(({ name }) => name === 'rtcp-mux');
}

export function isOwnAddress(host: string, port: number, local: HostPort): boolean {
  return port === local.port && host === local.host;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;
const IPV6 = /^[0-9a-f:]{2,39}$/i;

/** An IP address to which audio may be sent: no name (nobody is asked during a call), no group, no broadcast. */
function isUnicast(address: string): boolean {
  if (IPV4.test(address)) return Number(address.split('.')[0]) < 224;
  return address.includes(':') && IPV6.test(address) && !/^ff/i.test(address);
}
