// Offer and answer for one leg's audio (RFC 3264), with keys by SDES (RFC 4568) or DTLS-SRTP (RFC 5763); the media server's side as FreeSWITCH plays it.

import type { HostPort } from '../../kernel/ip.ts';
import type { DtlsIdentity } from '../dtls/handshake.ts';
import type { SrtpKey, SrtpSession, SrtpSuite } from '../rtp/srtp-suite.ts';
import { masterBytes } from '../rtp/srtp-suite.ts';
import type { AudioCodec, DtlsAudio, MediaDirection, NegotiatedAudio, SdpRefusal, SecurePolicy } from './audio.ts';
import type { EventType } from './codecs.ts';
import { offeredEvents, opusParameters, staticType, telephoneEventOf } from './codecs.ts';
import type { CryptoLine } from './crypto.ts';
import { isSameKey } from './crypto.ts';
import { answerMedia, OWN_MID, offerMedia, refuseMedia } from './describe.ts';
import type { KeyPolicy } from './key-policy.ts';
import { DEFAULT_POLICY } from './key-policy.ts';
import type { ChosenMedia, Taste } from './offer-answer.ts';
import { answerDirection, chooseMedia, packetMsOf, remoteOf, rtcpOf } from './offer-answer.ts';
import type { SdpAttribute, SdpMedia, SdpSession } from './session.ts';
import { directionOf, formatSdp, parseSdp } from './session.ts';
import type { LocalDtls, RemoteDtls } from './webrtc.ts';
import { agreeDtls, bundleOf, freshCredentials, freshTlsId, isSameAssociation } from './webrtc.ts';

export interface NegotiationOptions {
  /** The RTP address that we advertise. */
  readonly local: HostPort;
  /** `o=<name> <sessionId> …` and `s=<name>`; `mrf` when absent. */
  readonly name?: string;
  readonly sessionId: number;
  readonly secure: SecurePolicy;
  /** What we take, our order wins; PCMU, PCMA when absent. */
  readonly codecs?: readonly AudioCodec[];
  /** What we offer, when that is less. */
  readonly offered?: readonly AudioCodec[];
  readonly suites?: readonly SrtpSuite[];
  /** For DTLS-SRTP with ICE; without one it is refused. */
  readonly identity?: DtlsIdentity;
  /** Key material: `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
}

export type Negotiated = { readonly sdp: string; readonly audio: NegotiatedAudio } | { readonly refused: SdpRefusal };

export interface OfferOptions {
  /** SDES, or no keys at all; as the policy says when absent. */
  readonly secure?: boolean;
  /** DTLS-SRTP with ICE. */
  readonly isWebRtc?: boolean;
  readonly direction?: MediaDirection;
}

/** One leg's offers and answers, over re-INVITEs: keeps the version of `o=` and our keys. Sans-I/O, never throws on SDP. */
export interface AudioNegotiation {
  /** Answers an offer, first or later. A refusal changes nothing: the session goes on as it was. `direction` is what we would like. */
  answerOffer(offer: string, direction?: MediaDirection): Negotiated;
  /** Our own offer, for an INVITE without SDP. SAVP when the policy is `required`, both when `preferred`, else AVP. */
  makeOffer(options?: OfferOptions): string;
  /**
   * Takes the answer to the last `makeOffer`; `sdp` repeats that offer. Our own address coming back means no media yet. A provisional one
   * (RFC 3261 §13.2.1) is heard from now on, and the next one takes its place.
   */
  acceptAnswer(answer: string, isProvisional?: boolean): Negotiated;
  /** Our last description, as sent. */
  readonly localSdp: string | undefined;
  readonly remoteSdp: string | undefined;
  readonly audio: NegotiatedAudio | undefined;
  /** Holds from the next offer or answer on. */
  policy: KeyPolicy;
}

export function createAudioNegotiation(options: NegotiationOptions): AudioNegotiation {
  return new Negotiation(options);
}

export const DEFAULT_CODECS: readonly AudioCodec[] = ['PCMU', 'PCMA'];

interface OpenOffer {
  readonly sdp: string;
  readonly secure: SecurePolicy;
  readonly direction: MediaDirection;
  readonly keys: readonly CryptoLine[];
  readonly dtls: LocalDtls | undefined;
}

class Negotiation implements AudioNegotiation {
  readonly #options: NegotiationOptions;
  policy: KeyPolicy;
  #version: number;
  #lastBody = '';
  /** Our last offer; its keys serve the next answer once, when the first answer to it was only our own address (3pcc). */
  #offer: OpenOffer | undefined;
  localSdp: string | undefined;
  remoteSdp: string | undefined;
  audio: NegotiatedAudio | undefined;

  constructor(options: NegotiationOptions) {
    this.#options = options;
    this.#version = options.sessionId;
    const { suites = DEFAULT_POLICY.suites, secure } = options;
    this.policy = { ...DEFAULT_POLICY, suites, secure };
  }

  get #codecs(): readonly AudioCodec[] {
    return this.#options.codecs ?? DEFAULT_CODECS;
  }

  get #taste(): Taste {
    return { ...this.policy, codecs: this.#codecs, hasDtls: this.#options.identity !== undefined };
  }

  answerOffer(offer: string, direction: MediaDirection = 'sendrecv'): Negotiated {
    const session = parseSdp(offer);
    if (session === undefined) return { refused: 'malformed' };
    const chosen = chooseMedia(session, this.#taste);
    if (typeof chosen === 'string') return { refused: chosen };
    const event = telephoneEventOf(chosen.media, chosen.codec);
    const dtls = this.#dtlsFor(chosen.dtls, this.#offer?.dtls !== undefined);
    const audio: NegotiatedAudio = {
      remote: chosen.kind === 'dtls' ? undefined : remoteOf(chosen, this.#options.local),
      codec: chosen.codec,
      payloadTypes: { send: chosen.type, receive: chosen.type },
      telephoneEvent: event === undefined ? undefined : { send: event.type, receive: event.type },
      direction: answerDirection(directionOf(session, chosen.media), direction),
      ...optional(chosen, event),
      srtp: chosen.crypto === undefined ? undefined : this.#keysFor(chosen.crypto),
      ...(dtls === undefined ? {} : { dtls }),
    };
    const sdp = this.#describe(
      session.media.map((media, i) =>
        i === chosen.index ? answerMedia(this.#options.local, chosen, audio) : refuseMedia(session, media),
      ),
      dtls === undefined ? [] : bundleOf(session, chosen.media),
    );
    this.#settle(sdp, offer, audio);
    return { sdp, audio };
  }

  makeOffer({ secure, isWebRtc = false, direction = 'sendrecv' }: OfferOptions = {}): string {
    const { identity, local, offered = this.#codecs } = this.#options;
    const dtls = isWebRtc && identity ? this.#freshDtls(identity) : undefined;
    const policy =
      dtls !== undefined || secure === true ? 'required' : secure === false ? 'forbidden' : this.policy.secure;
    const wantsKeys = dtls === undefined && (policy === 'required' || policy === 'preferred');
    const keys = wantsKeys ? this.policy.suites.map((suite, i) => this.#freshLine(String(i + 1), suite)) : [];
    const media = [offerMedia(local, offered, direction, keys, dtls)];
    if (policy === 'preferred') media.push(offerMedia(local, offered, direction, []));
    const sdp = this.#describe(media, dtls === undefined ? [] : [{ name: 'group', value: `BUNDLE ${OWN_MID}` }]);
    this.#offer = { sdp, secure: policy === 'optional' ? 'forbidden' : policy, direction, keys, dtls };
    this.localSdp = sdp;
    return sdp;
  }

  acceptAnswer(answer: string, isProvisional = false): Negotiated {
    const offer = this.#offer;
    const session = parseSdp(answer);
    if (offer === undefined || session === undefined) return { refused: 'malformed' };
    const chosen = chooseMedia(session, { ...this.#taste, secure: offer.secure, hasDtls: offer.dtls !== undefined });
    if (typeof chosen === 'string') return { refused: chosen };
    if (offer.dtls !== undefined && chosen.kind !== 'dtls') return { refused: 'profile' };
    const remote = chosen.kind === 'dtls' ? undefined : remoteOf(chosen, this.#options.local);
    const ours = offer.keys.find(({ tag, suite }) => tag === chosen.crypto?.tag && suite === chosen.crypto.suite);
    if (chosen.crypto !== undefined && ours === undefined) return { refused: 'no-usable-crypto' };
    const srtp = remote && chosen.crypto && ours && sessionOf(chosen.crypto, ours.key);
    const event = telephoneEventOf(chosen.media, chosen.codec);
    const ourEvent = this.#offeredEvents.find(({ clockRate }) => clockRate === event?.clockRate);
    const dtls = this.#dtlsFor(chosen.dtls, true);
    const audio: NegotiatedAudio = {
      remote,
      codec: chosen.codec,
      payloadTypes: { send: chosen.type, receive: staticType(chosen.codec) },
      telephoneEvent: event && ourEvent && { send: event.type, receive: ourEvent.type },
      direction: answerDirection(directionOf(session, chosen.media), offer.direction),
      ...optional(chosen, event),
      srtp,
      ...(dtls === undefined ? {} : { dtls }),
    };
    if (!isProvisional && (remote !== undefined || dtls !== undefined)) this.#offer = undefined;
    this.remoteSdp = answer;
    this.audio = audio;
    return { sdp: offer.sdp, audio };
  }

  /** Undefined: no DTLS, or our own offer that came back. Our credentials stay while theirs do (RFC 8839 §4.4.1.1.1). */
  #dtlsFor(theirs: RemoteDtls | undefined, isOfferer: boolean): DtlsAudio | undefined {
    const { identity, random } = this.#options;
    const offered = this.#offer?.dtls;
    if (theirs === undefined || identity === undefined || theirs.credentials.ufrag === offered?.credentials.ufrag) {
      return undefined;
    }
    const running = this.audio?.dtls;
    const isSame = running?.remote.ufrag === theirs.credentials.ufrag;
    const credentials = offered?.credentials ?? (isSame ? running.local : freshCredentials(random));
    const tlsId = offered?.tlsId ?? running?.localTlsId ?? freshTlsId(random);
    const { suites } = this.policy;
    const agreed = agreeDtls(theirs, { local: { identity, credentials, tlsId }, suites, running, isOfferer });
    const goesOn = offered !== undefined || running === undefined || isSameAssociation(running, agreed);
    return goesOn ? agreed : { ...agreed, localTlsId: freshTlsId(random) };
  }

  /** For an offer: ICE is begun anew, the association goes on where there is one (RFC 8842 §5.2). */
  #freshDtls(identity: DtlsIdentity): LocalDtls {
    const { random } = this.#options;
    const tlsId = this.audio?.dtls?.localTlsId ?? freshTlsId(random);
    return { identity, credentials: freshCredentials(random), tlsId };
  }

  /** Theirs unchanged: ours too, and SRTP goes on. After a 3pcc offer: what we offered. Else a fresh key, so that no earlier party has it. */
  #keysFor(theirs: CryptoLine): SrtpSession {
    const running = this.audio?.srtp;
    if (running !== undefined && running.suite === theirs.suite && isSameKey(running.remote, theirs.key))
      return running;
    const offered = this.#offer?.keys.find(({ suite }) => suite === theirs.suite);
    return sessionOf(theirs, offered?.key ?? this.#freshKey(theirs.suite));
  }

  get #offeredEvents(): readonly EventType[] {
    return offeredEvents(this.#options.offered ?? this.#codecs);
  }

  #freshLine(tag: string, suite: SrtpSuite): CryptoLine {
    return { tag, suite, spelling: suite, key: this.#freshKey(suite) };
  }

  #freshKey(suite: SrtpSuite): SrtpKey {
    return { master: this.#options.random(masterBytes(suite)), mkiBytes: 0 };
  }

  #settle(sdp: string, remoteSdp: string, audio: NegotiatedAudio): void {
    if (audio.remote !== undefined || audio.dtls !== undefined) this.#offer = undefined;
    this.localSdp = sdp;
    this.remoteSdp = remoteSdp;
    this.audio = audio;
  }

  /** RFC 3264 §8: the version rises when something changed. */
  #describe(media: readonly SdpMedia[], attributes: readonly SdpAttribute[]): string {
    const { name = 'mrf', sessionId, local } = this.#options;
    const session = (version: number): SdpSession => ({
      origin: { name, sessionId: String(sessionId), version: String(version), address: local.host },
      subject: name,
      address: local.host,
      attributes,
      media,
    });
    const body = formatSdp(session(0));
    if (body !== this.#lastBody) this.#version++;
    this.#lastBody = body;
    return formatSdp(session(this.#version));
  }
}

function optional(
  chosen: ChosenMedia,
  event: EventType | undefined,
): Pick<NegotiatedAudio, 'rtcp' | 'packetMs' | 'opus' | 'eventRate'> {
  const [rtcp, packetMs] = [rtcpOf(chosen), packetMsOf(chosen)];
  return {
    ...(rtcp === undefined ? {} : { rtcp }),
    ...(packetMs === undefined ? {} : { packetMs }),
    ...(chosen.codec === 'opus' ? { opus: opusParameters(chosen.media, chosen.type) } : {}),
    ...(event === undefined || event.clockRate === 8000 ? {} : { eventRate: event.clockRate }),
  };
}

function sessionOf(theirs: CryptoLine, local: SrtpKey): SrtpSession {
  return { suite: theirs.suite, local, remote: theirs.key };
}
