// What a call's offers and answers may contain: codecs, and keys by the channel's variables as FreeSWITCH has them (contract §8.1), or by ours.
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { ALL_CODECS } from '../../../protocol/sdp/codecs.ts';
import { DEFAULT_POLICY, parseKeyPolicy } from '../../../protocol/sdp/key-policy.ts';
import type { AudioNegotiation, OfferOptions } from '../../../protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../../protocol/sdp/negotiation.ts';
import type { SipRequest } from '../../../protocol/sip/message.ts';
import type { AudioLeg } from '../audio/leg.ts';
import type { Channel } from '../channel/channel.ts';
import type { Variables } from '../channel/variables.ts';
import type { MediaHost } from '../host/host.ts';
import { CONTEXT } from '../host/identity.ts';
import { mediaVariables } from './call-variables.ts';

export function negotiationOf(host: MediaHost, leg: AudioLeg): AudioNegotiation {
  return createAudioNegotiation({
    local: leg.local,
    name: CONTEXT,
    sessionId: 1_000_000_000 + (Buffer.from(host.random(4)).readUInt32BE() % 1_000_000_000),
    secure: DEFAULT_POLICY.secure,
    codecs: [...new Set([...host.codecs, ...ALL_CODECS])],
    offered: host.codecs,
    identity: host.dtlsIdentity,
    random: host.random,
  });
}

/**
 * What the dialplan sets before `answer`, from headers of the INVITE: `X-Secure-Media` gives `rtp_secure_media`, `X-Secure-RTP: true`
 * makes it mandatory in an offer of ours, `X-Media-Webrtc: true` asks for an offer with DTLS and ICE, `X-Media-Nat: false` nails the peer
 * to the address of its SDP.
 */
export function headerVariables({ headers }: SipRequest): Readonly<Record<string, string | undefined>> {
  return {
    rtp_secure_media: headers.get('x-secure-media'),
    media_webrtc: isYes(headers.get('x-media-webrtc')) ? 'true' : undefined,
    disable_rtp_auto_adjust: /^(false|strict)$/i.test(headers.get('x-media-nat') ?? '') ? 'true' : undefined,
  };
}

/** Reads the variables anew, before each offer and answer. A word that is none leaves nothing that can be agreed on. */
export function applyPolicy(negotiation: AudioNegotiation, variables: Variables): void {
  const text = variables.get('rtp_secure_media_inbound') ?? variables.get('rtp_secure_media');
  const suites = variables.get('rtp_secure_media_suites');
  negotiation.policy = parseKeyPolicy(text ?? 'optional', suites) ?? {
    ...DEFAULT_POLICY,
    secure: 'required',
    suites: [],
  };
}

/** For an INVITE without SDP; a later one goes on as the call is. */
export function offerOptions(
  { audio, policy }: AudioNegotiation,
  variables: Variables,
  invite: SipRequest,
): OfferOptions {
  const isWebRtc = audio === undefined ? variables.isTrue('media_webrtc') : audio.dtls !== undefined;
  const isSecure = isYes(invite.headers.get('x-secure-rtp')) || audio?.srtp !== undefined;
  return isSecure && policy.secure !== 'forbidden' ? { isWebRtc, secure: true } : { isWebRtc };
}

export interface MediaParts {
  readonly host: MediaHost;
  readonly channel: Channel;
  readonly negotiation: AudioNegotiation;
}

/** What was agreed comes into force. */
export function takeMedia(parts: MediaParts, audio: NegotiatedAudio): void {
  const { channel } = parts;
  const isFixed = channel.variables.isTrue('disable_rtp_auto_adjust');
  channel.leg.configure(isFixed ? { ...audio, isAddressFixed: true } : audio);
  channel.codec = audio.codec;
  tellMedia(parts);
}

/** The channel's variables say what was offered and agreed on. */
export function tellMedia({ host, channel, negotiation }: MediaParts): void {
  const { localSdp, remoteSdp, audio } = negotiation;
  const shown = localSdp === undefined ? undefined : shownSdp(host, localSdp);
  channel.variables.setAll(mediaVariables(channel.leg.local, shown, remoteSdp, audio, host.codecs));
}

/** A description of ours as it leaves. */
export function shownSdp({ quirks }: MediaHost, sdp: string): string {
  return quirks.answersWithPortZero === true ? sdp.replace(/m=audio \d+/, 'm=audio 0') : sdp;
}

function isYes(value: string | undefined): boolean {
  return /^true$/i.test(value ?? '');
}
