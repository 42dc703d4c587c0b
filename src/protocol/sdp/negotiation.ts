// Offer and answer for one leg's audio (RFC 3264), with keys by SDES (RFC 4568); the MS's side as FreeSWITCH plays it.
import type { SrtpSuite } from '../rtp/suite.ts';
import type { AudioCodec, MediaAddress, MediaDirection, NegotiatedAudio, SdpRefusal, SecurePolicy } from './audio.ts';

export interface NegotiationOptions {
  /** The RTP address that we advertise. */
  readonly local: MediaAddress;
  /** `o=<name> <sessionId> …` and `s=<name>`; `mrf` when absent. */
  readonly name?: string;
  readonly sessionId: number;
  readonly secure: SecurePolicy;
  /** Our order wins; PCMU, PCMA when absent. */
  readonly codecs?: readonly AudioCodec[];
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

export function createAudioNegotiation(_options: NegotiationOptions): AudioNegotiation {
  throw new Error('not built yet');
}
