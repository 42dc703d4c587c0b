// What one leg counts: the names, a leg that has counted nothing, and the live view of one that does.
import type { MediaSocket } from '../../runtime/media-socket.ts';
import type { Counters } from './counters.ts';
import type { InboundAudio } from './inbound.ts';
import type { LegRtcp } from './rtcp.ts';

/** Counters since the leg was opened. A live view: read what you need. */
export interface AudioStats {
  readonly packetsSent: number;
  readonly bytesSent: number;
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  /** Never came, by sequence numbers (RFC 3550 §6.4.1). */
  readonly lost: number;
  /** Came after they were due: something else was heard first, or in their place. */
  readonly late: number;
  /** Interarrival jitter in milliseconds (RFC 3550 §6.4.1). */
  readonly jitterMs: number;
  readonly wrongSource: number;
  readonly malformed: number;
  /** Cut unread: more than any stream of audio has. */
  readonly flooded: number;
  readonly authFailures: number;
  readonly replays: number;
  /** Unknown payload types. */
  readonly unknownPayload: number;
  readonly digitsReceived: number;
  readonly sendErrors: number;
  readonly reportsSent: number;
  /** Octets of audio that our last sender report told of. */
  readonly octetsReported: number;
  readonly reportsReceived: number;
  /** To the peer and back, by its last report (RFC 3550 §6.4.1); undefined before one tells it. */
  readonly roundTripMs: number | undefined;
  /** What the peer says of our audio: share lost since its report before (0 to 1), jitter. */
  readonly peerLoss: number;
  readonly peerJitterMs: number;
  /** What the jitter buffer adds now. */
  readonly bufferMs: number;
  /** Mean opinion score of what is heard from the peer, and of what the peer hears (ITU-T G.107). */
  readonly mos: number;
  readonly peerMos: number;
}

export const NO_STATS: AudioStats = {
  packetsSent: 0,
  bytesSent: 0,
  packetsReceived: 0,
  bytesReceived: 0,
  lost: 0,
  late: 0,
  jitterMs: 0,
  wrongSource: 0,
  malformed: 0,
  flooded: 0,
  authFailures: 0,
  replays: 0,
  unknownPayload: 0,
  digitsReceived: 0,
  sendErrors: 0,
  reportsSent: 0,
  octetsReported: 0,
  reportsReceived: 0,
  roundTripMs: undefined,
  peerLoss: 0,
  peerJitterMs: 0,
  bufferMs: 0,
  mos: 4.5,
  peerMos: 4.5,
};

/** `counters`, and what the parts count themselves, as one view for reading. */
export function liveStats(counters: Counters, inbound: InboundAudio, rtcp: LegRtcp, socket: MediaSocket): AudioStats {
  return {
    get packetsSent() {
      return counters.packetsSent;
    },
    get bytesSent() {
      return counters.bytesSent;
    },
    get packetsReceived() {
      return counters.packetsReceived;
    },
    get bytesReceived() {
      return counters.bytesReceived;
    },
    get wrongSource() {
      return counters.wrongSource;
    },
    get malformed() {
      return counters.malformed;
    },
    get flooded() {
      return counters.flooded;
    },
    get authFailures() {
      return counters.authFailures;
    },
    get replays() {
      return counters.replays;
    },
    get unknownPayload() {
      return counters.unknownPayload;
    },
    get digitsReceived() {
      return counters.digitsReceived;
    },
    get lost() {
      return inbound.lost;
    },
    get late() {
      return inbound.late;
    },
    get jitterMs() {
      return inbound.jitterMs;
    },
    get sendErrors() {
      return socket.sendErrors;
    },
    get reportsSent() {
      return counters.reportsSent;
    },
    get octetsReported() {
      return counters.octetsReported;
    },
    get reportsReceived() {
      return counters.reportsReceived;
    },
    get roundTripMs() {
      return rtcp.roundTripMs;
    },
    get peerLoss() {
      return rtcp.peerLoss;
    },
    get peerJitterMs() {
      return rtcp.peerJitterMs;
    },
    get bufferMs() {
      return inbound.bufferMs;
    },
    get mos() {
      return rtcp.mos;
    },
    get peerMos() {
      return rtcp.peerMos;
    },
  };
}
