// The m-lines that we write: of an answer, of a refusal, of an offer (RFC 3264 §5, §6); as FreeSWITCH writes them.
import type { HostPort } from '../../kernel/ip.ts';
import type { AudioCodec, MediaDirection, NegotiatedAudio } from './audio.ts';
import type { EventType } from './codecs.ts';
import { codecAttributes, eventAttributes, offeredEvents, staticType } from './codecs.ts';
import type { CryptoLine } from './crypto.ts';
import { formatCrypto } from './crypto.ts';
import type { ChosenMedia } from './offer-answer.ts';
import { isMuxed, kindOf } from './offer-answer.ts';
import type { SdpAttribute, SdpMedia, SdpSession } from './session.ts';
import type { LocalDtls } from './webrtc.ts';
import { dtlsAttributes, midOf } from './webrtc.ts';

/** Of our only media, in an offer of WebRTC. */
export const OWN_MID = '0';

/** The m-line of our answer: one codec, its events, and for SAVP one crypto line with the offer's tag and spelling, or our half of DTLS. */
export function answerMedia(local: HostPort, chosen: ChosenMedia, audio: NegotiatedAudio): SdpMedia {
  const { media, crypto } = chosen;
  const attributes = audioAttributes(
    [[audio.codec, audio.payloadTypes.receive]],
    audio.telephoneEvent === undefined
      ? []
      : [{ type: audio.telephoneEvent.receive, clockRate: audio.eventRate ?? 8000 }],
    audio.direction,
    audio.packetMs,
  );
  if (audio.dtls !== undefined) {
    const { identity, local: credentials, role, localTlsId: tlsId, remoteTlsId } = audio.dtls;
    const setup = role === 'client' ? 'active' : 'passive';
    attributes.push(
      ...midOf(media),
      ...saidAloud(audio.direction),
      ...dtlsAttributes({ identity, credentials, tlsId }, setup, local, remoteTlsId !== undefined),
    );
  } else if (isMuxed(media)) attributes.push({ name: 'rtcp-mux', value: undefined });
  if (crypto !== undefined && audio.srtp !== undefined) {
    attributes.push({ name: 'crypto', value: formatCrypto({ ...crypto, key: audio.srtp.local }) });
  }
  const formats = [audio.payloadTypes.receive, ...(audio.telephoneEvent ? [audio.telephoneEvent.receive] : [])].map(
    String,
  );
  return { kind: 'audio', port: local.port, profile: media.profile, formats, address: undefined, attributes };
}

/** RFC 3264 §6: port zero says no. */
export function refuseMedia(session: SdpSession, media: SdpMedia): SdpMedia {
  const { kind, profile, formats } = media;
  const isAudio = kind === 'audio' && kindOf(session, media) !== undefined;
  return {
    kind,
    port: 0,
    profile,
    formats: isAudio ? ['19'] : formats.slice(0, 1),
    address: undefined,
    attributes: midOf(media),
  };
}

/** Plain RTP, or with keys SDES, or with `dtls` the whole of WebRTC. */
export function offerMedia(
  local: HostPort,
  codecs: readonly AudioCodec[],
  direction: MediaDirection,
  keys: readonly CryptoLine[],
  dtls?: LocalDtls,
): SdpMedia {
  const types = codecs.map((codec): [AudioCodec, number] => [codec, staticType(codec)]);
  const events = offeredEvents(codecs);
  const attributes = audioAttributes(types, events, direction);
  attributes.push(...keys.map((line) => ({ name: 'crypto', value: formatCrypto(line) })));
  const formats = [...types.map(([, type]) => type), ...events.map(({ type }) => type)].map(String);
  if (dtls !== undefined) {
    attributes.push(
      { name: 'mid', value: OWN_MID },
      ...saidAloud(direction),
      ...dtlsAttributes(dtls, 'actpass', local),
    );
  }
  const profile = dtls !== undefined ? 'UDP/TLS/RTP/SAVPF' : keys.length > 0 ? 'RTP/SAVP' : 'RTP/AVP';
  return { kind: 'audio', port: local.port, profile, formats, address: undefined, attributes };
}

/** What FreeSWITCH leaves out; some WebRTC peers take a description without it for inactive. */
function saidAloud(direction: MediaDirection): SdpAttribute[] {
  return direction === 'sendrecv' ? [{ name: direction, value: undefined }] : [];
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
