// Payload types of one media: which formats name a codec that we speak, their parameters, and RFC 4733 events at the codec's clock.
import type { AudioCodec, OpusParameters } from './audio.ts';
import type { SdpAttribute, SdpMedia } from './session.ts';
import { attributeValues } from './session.ts';

export interface CodecFacts {
  /** As `rtpmap` and FreeSWITCH's variables name it. */
  readonly name: string;
  /** RTP ticks a second: for G.722 not its sampling rate (RFC 3551 §4.5.2), for Opus always 48 kHz (RFC 7587 §4.1). */
  readonly clockRate: number;
  /** As `rtpmap` says it: Opus is always `/2`, whatever is sent (RFC 7587 §7). */
  readonly channels: 1 | 2;
  /** RFC 3551 §6; for what has none there, the one that our offers use. */
  readonly type: number;
  /** Packet times, in milliseconds, that fit a packet of the network. */
  readonly packetMs: readonly number[];
}

const ANY_PACKET_MS = [10, 20, 30, 40, 50, 60];

export const CODECS: Readonly<Record<AudioCodec, CodecFacts>> = {
  PCMU: { name: 'PCMU', clockRate: 8000, channels: 1, type: 0, packetMs: ANY_PACKET_MS },
  PCMA: { name: 'PCMA', clockRate: 8000, channels: 1, type: 8, packetMs: ANY_PACKET_MS },
  G722: { name: 'G722', clockRate: 8000, channels: 1, type: 9, packetMs: ANY_PACKET_MS },
  // RFC 6716 §2.1.4: frames of 10, 20, 40 and 60 ms.
  opus: { name: 'opus', clockRate: 48_000, channels: 2, type: 111, packetMs: [10, 20, 40, 60] },
  'L16/8000': linear(8000, 112, [10, 20, 30, 40, 50, 60]),
  'L16/16000': linear(16_000, 113, [10, 20, 30, 40]),
  'L16/32000': linear(32_000, 114, [10, 20]),
  'L16/44100': linear(44_100, 11, [10]),
  'L16/48000': linear(48_000, 115, [10]),
};

/** All that is spoken: what nobody asks for is still taken from a peer that offers nothing else, in this order. */
export const ALL_CODECS: readonly AudioCodec[] = [
  'PCMU',
  'PCMA',
  'G722',
  'opus',
  'L16/16000',
  'L16/8000',
  'L16/48000',
  'L16/44100',
  'L16/32000',
];

function linear(clockRate: number, type: number, packetMs: readonly number[]): CodecFacts {
  return { name: 'L16', clockRate, channels: 1, type, packetMs };
}

export function staticType(codec: AudioCodec): number {
  return CODECS[codec].type;
}

/** The first of `codecs`, in our order, that the media offers, with the media's payload type for it. */
export function chooseCodec(
  media: SdpMedia,
  codecs: readonly AudioCodec[],
): { codec: AudioCodec; type: number } | undefined {
  for (const codec of codecs) {
    const type = typeOf(media, codec);
    if (type !== undefined) return { codec, type };
  }
  return undefined;
}

/** Types below this need no rtpmap (RFC 3551 §6). */
const FIRST_DYNAMIC = 96;

function typeOf(media: SdpMedia, codec: AudioCodec): number | undefined {
  const { name, clockRate, channels, type } = CODECS[codec];
  const mapped = mappedType(media, name, clockRate, channels);
  if (mapped !== undefined || type >= FIRST_DYNAMIC) return mapped;
  const isListed = media.formats.includes(String(type));
  const isTaken = attributeValues(media, 'rtpmap').some((value) => value.startsWith(`${type} `));
  return isListed && !isTaken ? type : undefined;
}

const EVENT_CLOCK = 8000;
/** Payload types of events in our offers, by clock. */
const EVENT_TYPES: Readonly<Record<number, number>> = { [EVENT_CLOCK]: 101, 48000: 110 };

export interface EventType {
  readonly type: number;
  readonly clockRate: number;
}

/** RFC 4733 events with the codec's clock, as §2.1 wants it; else those of 8 kHz, which many send beside any codec. */
export function telephoneEventOf(media: SdpMedia, codec: AudioCodec): EventType | undefined {
  for (const clockRate of [CODECS[codec].clockRate, EVENT_CLOCK]) {
    const type = mappedType(media, 'telephone-event', clockRate, 1);
    if (type !== undefined) return { type, clockRate };
  }
  return undefined;
}

/** What we offer of them beside `codecs`. */
export function offeredEvents(codecs: readonly AudioCodec[]): EventType[] {
  const clocks = new Set([EVENT_CLOCK, ...codecs.map((codec) => CODECS[codec].clockRate)]);
  return [...clocks].flatMap((clockRate) => {
    const type = EVENT_TYPES[clockRate];
    return type === undefined ? [] : [{ type, clockRate }];
  });
}

/** The first format of the m-line whose rtpmap says `name/clockRate`, with its channels, which may be left out when there is one. */
function mappedType(media: SdpMedia, name: string, clockRate: number, channels: 1 | 2): number | undefined {
  const suffix = channels === 1 ? '(?:/1)?' : '/2';
  const wanted = new RegExp(`^(\\d{1,3})\\s+${name}/${clockRate}${suffix}$`, 'i');
  for (const value of attributeValues(media, 'rtpmap')) {
    const type = wanted.exec(value.trim())?.[1];
    if (type !== undefined && Number(type) <= 127 && media.formats.includes(type)) return Number(type);
  }
  return undefined;
}

/** `a=rtpmap`, and `a=fmtp` where the codec has parameters. */
export function codecAttributes(codec: AudioCodec, type: number): SdpAttribute[] {
  const { name, clockRate, channels } = CODECS[codec];
  const rtpmap = { name: 'rtpmap', value: `${type} ${name}/${clockRate}${channels === 1 ? '' : '/2'}` };
  return codec === 'opus' ? [rtpmap, { name: 'fmtp', value: `${type} ${OUR_OPUS}` }] : [rtpmap];
}

export function eventAttributes({ type, clockRate }: EventType): SdpAttribute[] {
  return [
    { name: 'rtpmap', value: `${type} telephone-event/${clockRate}` },
    { name: 'fmtp', value: `${type} 0-15` },
  ];
}

/** RFC 7587 §6.1: calls are wide-band and mono here (decisions/audio-band.md), so a peer that sends more wastes it; `stereo` and `sprop-stereo` are 0 unsaid. */
const OUR_OPUS = 'maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1';
const FULL_BAND = 48_000;
const LEAST_BITRATE = 6_000;
const MOST_BITRATE = 510_000;

/** What the peer wants of Opus (RFC 7587 §6.1); its defaults where it says nothing or nonsense. */
export function opusParameters(media: SdpMedia, type: number): OpusParameters {
  const text = attributeValues(media, 'fmtp').find((value) => value.startsWith(`${type} `)) ?? '';
  const values = new Map(
    text
      .slice(String(type).length)
      .split(';')
      .map((part) => part.trim().toLowerCase().split('=', 2))
      .map(([name = '', value = '']) => [name, Number(value)]),
  );
  const rate = values.get('maxplaybackrate') ?? FULL_BAND;
  const bitrate = values.get('maxaveragebitrate');
  const isUsable = bitrate !== undefined && bitrate >= LEAST_BITRATE && bitrate <= MOST_BITRATE;
  return {
    maxPlaybackRate: rate >= 8000 && rate <= FULL_BAND ? rate : FULL_BAND,
    wantsFec: values.get('useinbandfec') === 1,
    wantsConstantBitrate: values.get('cbr') === 1,
    wantsDtx: values.get('usedtx') === 1,
    ...(isUsable ? { maxAverageBitrate: bitrate } : {}),
  };
}
