// How a party's audio came in, out of the media server's dump of its channel (FreeSWITCH contract §3, uuid_set_media_stats).

/** Of one party over a whole call; see `LegQuality` of the call's record. */
export interface MediaQuality {
  readonly mos: number;
  readonly lossPercent: number;
  readonly jitterMs?: number;
  readonly roundTripMs?: number;
  readonly heardMos?: number;
  readonly floodedPackets?: number;
}

const LONGEST_MS = 60_000;

/** From `uuid_dump … json`; undefined when no packet came, or the text is none. */
export function qualityOf(dump: string): MediaQuality | undefined {
  const variables = parse(dump);
  const number = (name: string, least: number, most: number): number | undefined => {
    const text = variables[`variable_rtp_audio_${name}`];
    const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
    return value >= least && value <= most ? Math.round(value * 100) / 100 : undefined;
  };
  const packets = number('in_packet_count', 1, Number.MAX_SAFE_INTEGER);
  const mos = number('in_mos', 1, 5);
  if (packets === undefined || mos === undefined) return undefined;
  const jitterMs = number('in_jitter_ms', 0, LONGEST_MS);
  const roundTripMs = number('rtcp_round_trip_ms', 0, LONGEST_MS);
  const floodedPackets = number('in_flood_packet_count', 1, Number.MAX_SAFE_INTEGER);
  const heardMos = number('out_mos', 1, 5);
  return {
    mos,
    lossPercent: number('in_jitter_loss_rate', 0, 100) ?? 0,
    ...(jitterMs !== undefined && { jitterMs }),
    ...(roundTripMs !== undefined && { roundTripMs }),
    ...(heardMos !== undefined && { heardMos }),
    ...(floodedPackets !== undefined && { floodedPackets }),
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
