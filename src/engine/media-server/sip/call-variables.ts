// The variables that a call has from its INVITE and from each offer and answer (contract, appendix A).
import type { AudioCodec, NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { tagOf, topVia } from '../../../protocol/sip/fields.ts';
import type { SipRequest } from '../../../protocol/sip/message.ts';
import { parseNameAddr, parseUri, type SipUri } from '../../../protocol/sip/uri.ts';
import type { Arrival } from '../../runtime/sip-stack.ts';
import { codecString, toldCodec } from '../channel/codec-names.ts';
import { PROFILE } from '../host/identity.ts';

type Values = Readonly<Record<string, string | number | undefined>>;

/** Headers that become `sip_h_…`, beside `X-` and `P-`. */
const COPIED = /^(x-|p-|user-to-user$)/i;
const MAX_COPIED = 64;

/** What the dialplan of the mrf image sets before it connects out. */
export const DIALPLAN_SETS: ReadonlyArray<readonly [name: string, value: string]> = [
  ['send_silence_when_idle', '-1'],
  ['hangup_after_bridge', 'false'],
  ['park_after_bridge', 'true'],
  ['playback_terminators', 'none'],
];

export function inviteVariables(request: SipRequest, arrival: Arrival, sipAddress: string, now: number): Values {
  const { headers } = request;
  const { remote, local, transport } = arrival.flow;
  const [from, to] = [headers.get('from') ?? '', headers.get('to') ?? ''];
  const via = topVia(request);
  return {
    ...uriVariables('sip_from', parseNameAddr(from)?.uri, 'nobody'),
    video_media_flow: 'disabled',
    text_media_flow: 'disabled',
    sip_call_id: headers.get('call-id'),
    sip_local_network_addr: local.host,
    sip_network_ip: remote.host,
    sip_network_port: remote.port,
    sip_invite_stamp: now * 1000,
    sip_received_ip: remote.host,
    sip_received_port: remote.port,
    sip_via_protocol: transport,
    sip_from_tag: tagOf(from),
    sofia_profile_name: PROFILE,
    sofia_profile_url: `sip:mod_sofia@${sipAddress}`,
    recovery_profile_name: PROFILE,
    sip_full_via: headers.all('via').join(','),
    sip_full_from: from,
    sip_full_to: to,
    ...uriVariables('sip_req', parseUri(request.uri)),
    ...uriVariables('sip_to', parseNameAddr(to)?.uri),
    ...uriVariables('sip_contact', parseNameAddr(headers.get('contact') ?? '')?.uri, 'nobody'),
    sip_user_agent: headers.get('user-agent'),
    sip_via_host: via?.host,
    sip_via_port: via?.port,
    sip_via_rport: via?.rport,
    max_forwards: headers.get('max-forwards'),
    ...copiedHeaders(request),
  };
}

/** After an offer and its answer; `codecs` are what this server offers. Without `audio` nothing is agreed on yet. */
export function mediaVariables(
  local: { host: string; port: number },
  localSdp: string | undefined,
  remoteSdp: string | undefined,
  audio: NegotiatedAudio | undefined,
  codecs: readonly AudioCodec[],
): Values {
  const base: Values = {
    switch_r_sdp: remoteSdp,
    rtp_local_sdp_str: localSdp,
    local_media_ip: local.host,
    local_media_port: local.port,
    advertised_media_ip: local.host,
  };
  if (audio === undefined) return base;
  return { ...base, ...codecVariables(audio, codecs), ...remoteVariables(audio, local), ...secureVariables(audio) };
}

function codecVariables(
  { codec, payloadTypes, telephoneEvent, direction, packetMs = 20 }: NegotiatedAudio,
  codecs: readonly AudioCodec[],
): Values {
  const { name, module, clockRate, rate, channels, bitrate } = toldCodec(codec);
  return {
    ep_codec_string: `${module}.${name}@${clockRate}h@${packetMs}i@${bitrate}b`,
    rtp_use_codec_string: codecString(codecs),
    remote_video_media_flow: 'inactive',
    remote_text_media_flow: 'inactive',
    remote_audio_media_flow: direction,
    audio_media_flow: direction,
    rtp_audio_recv_pt: payloadTypes.receive,
    rtp_use_codec_name: name,
    rtp_use_codec_rate: clockRate,
    rtp_use_codec_ptime: packetMs,
    rtp_use_codec_channels: channels,
    rtp_last_audio_codec_string: `${name}@${clockRate}h@${packetMs}i@${channels}c`,
    read_codec: name,
    original_read_codec: name,
    read_rate: rate,
    original_read_rate: rate,
    write_codec: name,
    write_rate: rate,
    dtmf_type: telephoneEvent === undefined ? 'info' : 'rfc2833',
    rtp_use_timer_name: 'soft',
    rtp_use_pt: payloadTypes.send,
    rtp_2833_send_payload: telephoneEvent?.send,
    rtp_2833_recv_payload: telephoneEvent?.receive,
  };
}

function remoteVariables({ remote }: NegotiatedAudio, local: { host: string; port: number }): Values {
  // Before there is a party, FreeSWITCH shows its own address: it was what came back.
  const { host, port } = remote ?? local;
  return { remote_media_ip: host, remote_media_port: port };
}

/** The suite alone. FreeSWITCH shows keys here too; this server keeps them to itself. */
function secureVariables({ srtp }: NegotiatedAudio): Values {
  if (srtp === undefined) return {};
  const suite = srtp.suite;
  return { rtp_has_crypto: suite, rtp_secure_audio_confirmed: 'true', rtp_secure_media_negotiated: suite };
}

function uriVariables(prefix: string, uri: SipUri | undefined, defaultUser?: string): Values {
  if (uri === undefined) return {};
  const user = uri.user ?? defaultUser;
  const place = uri.port === undefined ? uri.host : `${uri.host}:${uri.port}`;
  return {
    [`${prefix}_user`]: user,
    [`${prefix}_port`]: uri.port,
    [`${prefix}_uri`]: user === undefined ? place : `${user}@${place}`,
    [`${prefix}_host`]: uri.host,
  };
}

function copiedHeaders({ headers }: SipRequest): Values {
  const values: Record<string, string> = {};
  let count = 0;
  for (const { name, value } of headers) {
    if (!COPIED.test(name) || count++ >= MAX_COPIED) continue;
    let key = `sip_h_${name}`;
    for (let n = 1; key in values; n++) key = `sip_h_${name}-${n}`;
    values[key] = value;
  }
  return values;
}
