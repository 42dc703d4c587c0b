// The counters of one leg, written by its two halves (docs of each are on `AudioStats`).

export interface Counters {
  packetsSent: number;
  bytesSent: number;
  packetsReceived: number;
  bytesReceived: number;
  wrongSource: number;
  malformed: number;
  /** More than any stream of audio has; not even decrypted. */
  flooded: number;
  authFailures: number;
  replays: number;
  unknownPayload: number;
  digitsReceived: number;
  /** Of payload, for sender reports. */
  octetsSent: number;
  octetsReported: number;
  reportsSent: number;
  reportsReceived: number;
}

export function noCounts(): Counters {
  return {
    packetsSent: 0,
    bytesSent: 0,
    packetsReceived: 0,
    bytesReceived: 0,
    wrongSource: 0,
    malformed: 0,
    flooded: 0,
    authFailures: 0,
    replays: 0,
    unknownPayload: 0,
    digitsReceived: 0,
    octetsSent: 0,
    octetsReported: 0,
    reportsSent: 0,
    reportsReceived: 0,
  };
}
