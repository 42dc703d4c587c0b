// Payload types of one media: which formats name a codec that we speak, and which names RFC 4733 events at 8 kHz.
import type { AudioCodec } from './audio.ts';
import type { SdpMedia } from './session.ts';
import { attributeValues } from './session.ts';

/** RFC 3551 §6: these need no rtpmap. */
const STATIC_TYPES: Readonly<Record<AudioCodec, number>> = { PCMU: 0, PCMA: 8, G722: 9 };

export function staticType(codec: AudioCodec): number {
  return STATIC_TYPES[codec];
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

function typeOf(media: SdpMedia, codec: AudioCodec): number | undefined {
  const mapped = mappedType(media, codec);
  if (mapped !== undefined) return mapped;
  const isListed = media.formats.includes(String(STATIC_TYPES[codec]));
  const isTaken = attributeValues(media, 'rtpmap').some((value) => value.startsWith(`${STATIC_TYPES[codec]} `));
  return isListed && !isTaken ? STATIC_TYPES[codec] : undefined;
}

/** The payload type of RFC 4733 events with an 8 kHz clock. */
export function telephoneEventType(media: SdpMedia): number | undefined {
  return mappedType(media, 'telephone-event');
}

/** The first format of the m-line whose rtpmap says `name/8000` or `name/8000/1`. */
function mappedType(media: SdpMedia, name: string): number | undefined {
  const wanted = new RegExp(`^(\\d{1,3})\\s+${name}/8000(?:/1)?$`, 'i');
  for (const value of attributeValues(media, 'rtpmap')) {
    const type = wanted.exec(value.trim())?.[1];
    if (type !== undefined && Number(type) <= 127 && media.formats.includes(type)) return Number(type);
  }
  return undefined;
}
