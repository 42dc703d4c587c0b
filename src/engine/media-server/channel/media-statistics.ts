// `uuid_set_media_stats`, and at the end of every call: a leg's counters under FreeSWITCH's variable names, and some it has none for.
import { TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { AudioStats } from '../audio/stats.ts';

const RTP_HEADER_BYTES = 12;

export function mediaStatistics(stats: AudioStats): Readonly<Record<string, string | number>> {
  const { packetsReceived, packetsSent, bytesReceived, bytesSent, lost, late } = stats;
  const expected = packetsReceived + lost;
  const lossRate = expected === 0 ? 0 : (100 * lost) / expected;
  return {
    rtp_audio_in_raw_bytes: bytesReceived,
    rtp_audio_in_media_bytes: Math.max(0, bytesReceived - packetsReceived * RTP_HEADER_BYTES),
    rtp_audio_in_packet_count: packetsReceived,
    rtp_audio_in_media_packet_count: packetsReceived,
    rtp_audio_in_skip_packet_count: lost,
    rtp_audio_in_jitter_packet_count: late,
    rtp_audio_in_dtmf_packet_count: stats.digitsReceived,
    rtp_audio_in_cng_packet_count: 0,
    rtp_audio_in_flush_packet_count: 0,
    rtp_audio_in_flood_packet_count: stats.flooded,
    rtp_audio_in_largest_jb_size: Math.round(stats.bufferMs / TICK_MS),
    rtp_audio_in_jitter_min_variance: '0.00',
    rtp_audio_in_jitter_max_variance: stats.jitterMs.toFixed(2),
    rtp_audio_in_jitter_loss_rate: lossRate.toFixed(2),
    rtp_audio_in_jitter_burst_rate: '0.00',
    rtp_audio_in_mean_interval: '20.00',
    rtp_audio_in_flaw_total: lost + late,
    rtp_audio_in_quality_percentage: Math.max(0, 100 - lossRate).toFixed(2),
    rtp_audio_in_mos: stats.mos.toFixed(2),
    rtp_audio_in_jitter_ms: stats.jitterMs.toFixed(2),
    rtp_audio_out_raw_bytes: bytesSent,
    rtp_audio_out_media_bytes: Math.max(0, bytesSent - packetsSent * RTP_HEADER_BYTES),
    rtp_audio_out_packet_count: packetsSent,
    rtp_audio_out_media_packet_count: packetsSent,
    rtp_audio_out_skip_packet_count: 0,
    rtp_audio_out_dtmf_packet_count: 0,
    rtp_audio_out_cng_packet_count: 0,
    rtp_audio_rtcp_packet_count: stats.reportsSent,
    rtp_audio_rtcp_octet_count: stats.octetsReported,
    ...peerStatistics(stats),
  };
}

/** What the peer's RTCP tells of the audio that it gets; nothing before it told anything. */
function peerStatistics(stats: AudioStats): Readonly<Record<string, string | number>> {
  if (stats.reportsReceived === 0) return {};
  const { roundTripMs } = stats;
  return {
    ...(roundTripMs === undefined ? {} : { rtp_audio_rtcp_round_trip_ms: roundTripMs.toFixed(1) }),
    rtp_audio_rtcp_report_count: stats.reportsReceived,
    rtp_audio_out_loss_rate: (100 * stats.peerLoss).toFixed(2),
    rtp_audio_out_jitter_ms: stats.peerJitterMs.toFixed(2),
    rtp_audio_out_mos: stats.peerMos.toFixed(2),
  };
}
