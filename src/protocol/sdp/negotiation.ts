// Offer and answer for one leg's audio (RFC 3264), with keys by SDES (RFC 4568); the media server's side as FreeSWITCH plays it.

import type { SrtpSuite } from '../rtp/suite.ts';
import { masterBytes, PREFERRED_SUITES } from '../rtp/suite.ts';
import type {
  AudioCodec,
  MediaAddress,
  MediaDirection,
  NegotiatedAudio,
  SdpRefusal,
  SecurePolicy,
  SrtpKey,
  SrtpSession,
} from './audio.ts';
import type { EventType } from './codecs.ts';
import {
  codecAttributes,
  eventAttributes,
  offeredEvents,
  opusParameters,
  staticType,
  telephoneEventOf,
} from './codecs.ts';
import type { CryptoLine } from './crypto.ts';
import { formatCrypto, isSameKey } from './crypto.ts';
import type { ChosenMedia, Taste } from './offer-answer.ts';
import {
  answerDirection,
  chooseMedia,
  controlOf,
  isMuxed,
  isSecureProfile,
  packetMsOf,
  remoteOf,
} from './offer-answer.ts';
import type { SdpAttribute, SdpMedia, SdpSession } from './session.ts';
import { directionOf, formatSdp, parseSdp } from './session.ts';

export interface NegotiationOptions {
  /** The RTP address that we advertise. */
  readonly local: MediaAddress;
  /** `o=<name> <sessionId> …` and `s=<name>`; `mrf` when absent. */
  readonly name?: string;
  readonly sessionId: number;
  readonly secure: SecurePolicy;
  /** What we take, our order wins; PCMU, PCMA when absent. */
  readonly codecs?: readonly AudioCodec[];
  /** What we offer, when that is less. */
  readonly offered?: readonly AudioCodec[];
  readonly suites?: readonly SrtpSuite[];
  /** Key material: `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
}

export type Negotiated = { readonly sdp: string; readonly audio: NegotiatedAudio } | { readonly refused: SdpRefusal };

/** One leg's offers and answers, over re-INVITEs: keeps the version of `o=` and our keys. Sans-I/O, never throws on SDP. */
export interface AudioNegotiation {
  /** Answers an offer, first or later. A refusal changes nothing: the session goes on as it was. `direction` is what we would like. */
  answerOffer(offer: string, direction?: MediaDirection): Negotiated;
  /** Our own offer, for an INVITE without SDP. SAVP when the policy is `required`, else AVP; `secure` overrides that (X-Secure-RTP). */
  makeOffer(options?: { readonly secure?: boolean; readonly direction?: MediaDirection }): string;
  /** Takes the answer to the last `makeOffer`; `sdp` repeats that offer. Our own address coming back means no media yet. */
  acceptAnswer(answer: string): Negotiated;
  /** Our last description, as sent. */
  readonly localSdp: string | undefined;
  readonly remoteSdp: string | undefined;
  readonly audio: NegotiatedAudio | undefined;
}

export function createAudioNegotiation(options: NegotiationOptions): AudioNegotiation {
  return new Negotiation(options);
}

export const DEFAULT_CODECS: readonly AudioCodec[] = ['PCMU', 'PCMA'];

interface OpenOffer {
  readonly sdp: string;
  readonly secure: boolean;
  readonly direction: MediaDirection;
  readonly keys: readonly CryptoLine[];
}

class Negotiation implements AudioNegotiation {
  readonly #options: NegotiationOptions;
  readonly #taste: Taste;
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
    const { codecs = DEFAULT_CODECS, suites = PREFERRED_SUITES, secure } = options;
    this.#taste = { codecs, suites, secure };
  }

  answerOffer(offer: string, direction: MediaDirection = 'sendrecv'): Negotiated {
    const session = parseSdp(offer);
    if (session === undefined) return { refused: 'malformed' };
    const chosen = chooseMedia(session, this.#taste);
    if (typeof chosen === 'string') return { refused: chosen };
    const event = telephoneEventOf(chosen.media, chosen.codec);
    const audio: NegotiatedAudio = {
      remote: remoteOf(chosen, this.#options.local),
      codec: chosen.codec,
      payloadTypes: { send: chosen.type, receive: chosen.type },
      telephoneEvent: event === undefined ? undefined : { send: event.type, receive: event.type },
      direction: answerDirection(directionOf(session, chosen.media), direction),
      ...optional(chosen, event),
      srtp: chosen.crypto === undefined ? undefined : this.#keysFor(chosen.crypto),
    };
    const sdp = this.#describe(
      session.media.map((media, i) =>
        i === chosen.index ? answerMedia(this.#options, chosen, audio) : refuseMedia(media),
      ),
    );
    this.#settle(sdp, offer, audio);
    return { sdp, audio };
  }

  makeOffer(options: { readonly secure?: boolean; readonly direction?: MediaDirection } = {}): string {
    const { secure = this.#options.secure === 'required', direction = 'sendrecv' } = options;
    const keys = secure ? this.#taste.suites.map((suite, i) => this.#freshLine(String(i + 1), suite)) : [];
    const media = offerMedia(this.#options.local.port, this.#options.offered ?? this.#taste.codecs, direction, keys);
    const sdp = this.#describe([media]);
    this.#offer = { sdp, secure, direction, keys };
    this.localSdp = sdp;
    return sdp;
  }

  acceptAnswer(answer: string): Negotiated {
    const offer = this.#offer;
    const session = parseSdp(answer);
    if (offer === undefined || session === undefined) return { refused: 'malformed' };
    const chosen = chooseMedia(session, { ...this.#taste, secure: offer.secure ? 'required' : 'forbidden' });
    if (typeof chosen === 'string') return { refused: chosen };
    const remote = remoteOf(chosen, this.#options.local);
    const ours = offer.keys.find(({ tag, suite }) => tag === chosen.crypto?.tag && suite === chosen.crypto.suite);
    if (chosen.crypto !== undefined && ours === undefined) return { refused: 'no-usable-crypto' };
    const srtp = remote && chosen.crypto && ours && sessionOf(chosen.crypto, ours.key);
    const event = telephoneEventOf(chosen.media, chosen.codec);
    const ourEvent = this.#offeredEvents.find(({ clockRate }) => clockRate === event?.clockRate);
    const audio: NegotiatedAudio = {
      remote,
      codec: chosen.codec,
      payloadTypes: { send: chosen.type, receive: staticType(chosen.codec) },
      telephoneEvent: event && ourEvent && { send: event.type, receive: ourEvent.type },
      direction: answerDirection(directionOf(session, chosen.media), offer.direction),
      ...optional(chosen, event),
      srtp,
    };
    if (remote !== undefined) this.#offer = undefined;
    this.remoteSdp = answer;
    this.audio = audio;
    return { sdp: offer.sdp, audio };
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
    return offeredEvents(this.#options.offered ?? this.#taste.codecs);
  }

  #freshLine(tag: string, suite: SrtpSuite): CryptoLine {
    return { tag, suite, spelling: suite, key: this.#freshKey(suite) };
  }

  #freshKey(suite: SrtpSuite): SrtpKey {
    return { master: this.#options.random(masterBytes(suite)), mkiBytes: 0 };
  }

  #settle(sdp: string, remoteSdp: string, audio: NegotiatedAudio): void {
    if (audio.remote !== undefined) this.#offer = undefined;
    this.localSdp = sdp;
    this.remoteSdp = remoteSdp;
    this.audio = audio;
  }

  /** RFC 3264 §8: the version rises when something changed. */
  #describe(media: readonly SdpMedia[]): string {
    const { name = 'mrf', sessionId, local } = this.#options;
    const session = (version: number): SdpSession => ({
      origin: { name, sessionId: String(sessionId), version: String(version), address: local.host },
      subject: name,
      address: local.host,
      attributes: [],
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
): Pick<NegotiatedAudio, 'control' | 'packetMs' | 'opus' | 'eventRate'> {
  const [control, packetMs] = [controlOf(chosen), packetMsOf(chosen)];
  return {
    ...(control === undefined ? {} : { control }),
    ...(packetMs === undefined ? {} : { packetMs }),
    ...(chosen.codec === 'opus' ? { opus: opusParameters(chosen.media, chosen.type) } : {}),
    ...(event === undefined || event.clockRate === 8000 ? {} : { eventRate: event.clockRate }),
  };
}

function sessionOf(theirs: CryptoLine, local: SrtpKey): SrtpSession {
  return { suite: theirs.suite, local, remote: theirs.key };
}

/** The m-line of our answer: one codec, its events, and for SAVP one crypto line with the offer's tag and spelling. */
function answerMedia(options: NegotiationOptions, chosen: ChosenMedia, audio: NegotiatedAudio): SdpMedia {
  const { media, crypto } = chosen;
  const attributes = audioAttributes(
    [[audio.codec, audio.payloadTypes.receive]],
    audio.telephoneEvent === undefined
      ? []
      : [{ type: audio.telephoneEvent.receive, clockRate: audio.eventRate ?? 8000 }],
    audio.direction,
    audio.packetMs,
  );
  if (isMuxed(media)) attributes.push({ name: 'rtcp-mux', value: undefined });
  if (crypto !== undefined && audio.srtp !== undefined) {
    attributes.push({ name: 'crypto', value: formatCrypto({ ...crypto, key: audio.srtp.local }) });
  }
  const formats = [audio.payloadTypes.receive, ...(audio.telephoneEvent ? [audio.telephoneEvent.receive] : [])].map(
    String,
  );
  return { kind: 'audio', port: options.local.port, profile: media.profile, formats, address: undefined, attributes };
}

/** RFC 3264 §6: port zero says no. */
function refuseMedia({ kind, profile, formats }: SdpMedia): SdpMedia {
  const isAudio = kind === 'audio' && isSecureProfile(profile) !== undefined;
  return {
    kind,
    port: 0,
    profile,
    formats: isAudio ? ['19'] : formats.slice(0, 1),
    address: undefined,
    attributes: [],
  };
}

function offerMedia(
  port: number,
  codecs: readonly AudioCodec[],
  direction: MediaDirection,
  keys: readonly CryptoLine[],
): SdpMedia {
  const types = codecs.map((codec): [AudioCodec, number] => [codec, staticType(codec)]);
  const events = offeredEvents(codecs);
  const attributes = audioAttributes(types, events, direction);
  attributes.push(...keys.map((line) => ({ name: 'crypto', value: formatCrypto(line) })));
  const formats = [...types.map(([, type]) => type), ...events.map(({ type }) => type)].map(String);
  const profile = keys.length > 0 ? 'RTP/SAVP' : 'RTP/AVP';
  return { kind: 'audio', port, profile, formats, address: undefined, attributes };
}

/** As FreeSWITCH writes them: `sendrecv` is left out. */
function audioAttributes(
  codecs: readonly (readonly [AudioCodec, number])[],
  events: readonly EventType[],
  direction: MediaDirection,
  packetMs = 20,
): SdpAttribute[] {
  const attributes = [
    ...codecs.flatMap(([codec, type]) => codecAttributes(codec, type)),
    ...events.flatMap(eventAttributes),
  ];
  attributes.push({ name: 'ptime', value: String(packetMs) });
  if (direction !== 'sendrecv') attributes.push({ name: direction, value: undefined });
  return attributes;
}
