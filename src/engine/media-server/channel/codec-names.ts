// A codec as FreeSWITCH tells of it in events and variables.
import type { AudioCodec } from '../../../protocol/sdp/audio.ts';
import { CODECS } from '../../../protocol/sdp/codecs.ts';

export interface ToldCodec {
  readonly name: string;
  readonly module: string;
  /** Of the RTP clock, and of the samples. */
  readonly clockRate: number;
  readonly rate: number;
  readonly channels: number;
  /** 0 where it varies. */
  readonly bitrate: number;
}

/** What is offered, as FreeSWITCH's codec strings name it: `PCMU,PCMA,OPUS,L16@16000h`. */
export function codecString(codecs: readonly AudioCodec[]): string {
  return codecs.map((codec) => codec.toUpperCase().replace(/\/(\d+)$/, '@$1h')).join(',');
}

const MODULES: Readonly<Record<string, string>> = { G722: 'mod_spandsp', opus: 'mod_opus' };
const BITRATES: Readonly<Record<string, number>> = { opus: 0, G722: 64_000 };
const LINEAR_BITS = 16;
const LAW_BITS = 8;

export function toldCodec(codec: AudioCodec): ToldCodec {
  const { name, clockRate, channels } = CODECS[codec];
  return {
    name,
    module: MODULES[name] ?? 'CORE_PCM_MODULE',
    clockRate,
    rate: codec === 'G722' ? 2 * clockRate : clockRate,
    channels,
    bitrate: BITRATES[name] ?? clockRate * (name === 'L16' ? LINEAR_BITS : LAW_BITS),
  };
}
