// What an offer and its answer agreed on for one audio stream: the words that media code needs (RFC 3264).
import type { HostPort } from '../../kernel/ip.ts';
import type { DtlsIdentity, DtlsRole } from '../dtls/handshake.ts';
import type { IceCredentials } from '../ice/agent.ts';
import type { IceCandidate } from '../ice/candidate.ts';
import type { SrtpSession, SrtpSuite } from '../rtp/srtp-suite.ts';

/** L16 is one codec for each rate: RFC 3551 §4.5.11 leaves that to the rtpmap. */
export type AudioCodec =
  | 'PCMU'
  | 'PCMA'
  | 'G722'
  | 'opus'
  | 'L16/8000'
  | 'L16/16000'
  | 'L16/32000'
  | 'L16/44100'
  | 'L16/48000';

/** What the peer would like to be sent (RFC 7587 §6.1). */
export interface OpusParameters {
  /** Samples a second beyond which it has no use for more. */
  readonly maxPlaybackRate: number;
  /** Bits a second; our own choice when absent. */
  readonly maxAverageBitrate?: number;
  readonly wantsFec: boolean;
  readonly wantsConstantBitrate: boolean;
  /** Silence is not sent, but for a packet every 400 ms. */
  readonly wantsDtx: boolean;
}

/** From our side: `sendonly` means that we send and do not listen. */
export type MediaDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/**
 * `required`: SRTP or a refusal. `preferred`: SRTP where the offer has it anywhere, and both in offers of ours. `optional`: as the offer asks.
 * `forbidden`: plain RTP or a refusal.
 */
export type SecurePolicy = 'required' | 'preferred' | 'optional' | 'forbidden';

/** A payload type in each direction: ours to send is theirs to receive. */
export interface PayloadTypes {
  readonly send: number;
  readonly receive: number;
}

/** Keys and address are yet to be found: by ICE (RFC 8445), then DTLS-SRTP (RFC 5764). Plain data, so that it can cross threads. */
export interface DtlsAudio {
  readonly role: DtlsRole;
  readonly identity: DtlsIdentity;
  /** SHA-256 of their certificate. */
  readonly fingerprint: Uint8Array;
  /** What may be agreed on, best first. */
  readonly suites: readonly SrtpSuite[];
  readonly local: IceCredentials;
  readonly remote: IceCredentials;
  readonly candidates: readonly IceCandidate[];
  readonly isControlling: boolean;
  /** RFC 8842 §4: names this association, on either side; another one is begun anew. Theirs is undefined when they do not say. */
  readonly localTlsId: string;
  readonly remoteTlsId: string | undefined;
}

export interface NegotiatedAudio {
  /** Where to send. Undefined: no media yet (3pcc placeholder: our own address came back), or c=0.0.0.0. */
  readonly remote: HostPort | undefined;
  readonly codec: AudioCodec;
  readonly payloadTypes: PayloadTypes;
  /** Of what we send, in milliseconds: 10 to 60; 20 when absent. */
  readonly packetMs?: number;
  /** Only of Opus. */
  readonly opus?: OpusParameters;
  /** RFC 4733; undefined when the peer does not speak it (then FreeSWITCH's `dtmf_type` is `info`). */
  readonly telephoneEvent: PayloadTypes | undefined;
  /** Ticks a second in which events count their length; 8000 when absent. */
  readonly eventRate?: number;
  readonly direction: MediaDirection;
  /** Where their RTCP is: `mux` with their RTP (RFC 5761), or an address of its own (RFC 3605). Undefined: the port above. */
  readonly rtcp?: HostPort | 'mux';
  /** Undefined means plain RTP, except that nothing is sent or heard while `remote` is undefined. */
  readonly srtp: SrtpSession | undefined;
  /** Then `remote` and `srtp` are undefined here: whoever owns the socket finds them. */
  readonly dtls?: DtlsAudio;
  /** Only `remote` itself is heard, whatever else the leg may allow. */
  readonly isAddressFixed?: boolean;
}

/** Why no audio could be agreed; the boundary turns each into 488 (or 400 for `malformed`). */
export type SdpRefusal =
  | 'malformed'
  | 'no-audio'
  | 'no-codec'
  | 'no-address'
  | 'crypto-in-avp'
  | 'no-usable-crypto'
  | 'no-usable-dtls'
  | 'secure-required'
  | 'secure-forbidden'
  | 'profile'
  | 'rejected';
