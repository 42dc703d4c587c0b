// What real FreeSWITCH does at times and a controller has to survive; switched on by tests alone (CONTRACT.md §9). Four of its
// differences need no switch, they are how this server always is: completions come inner-first (c), playback is counted in blocks
// of 16384 samples (d), the server's order of codecs wins (j), a bridged or conferenced call outlives its controller (m).

export interface Quirks {
  /** Milliseconds from the ACK to the connection to the controller. */
  readonly connectDelayMs?: number;
  /** (a) The controller is connected to first; the 200 follows so many milliseconds later. */
  readonly answerDelayMs?: number;
  /** (b) At hang-up the event socket just ends: completions, CALLSTATE and the notice are lost. */
  readonly losesEventsAtHangup?: boolean;
  /** (e), (i) Milliseconds that these commands of `api` take; their socket says nothing else meanwhile. */
  readonly slowApi?: Readonly<Record<string, number>>;
  /** (f) The call's event socket ends when a playback has begun. */
  readonly dropsSocketInPlayback?: boolean;
  /** (g) An inbound connection that asks `api` for this is cut, and gets no answer. */
  readonly dropsInboundAt?: string;
  /** (h) `%XX` in a value of CHANNEL_DATA is passed on as it stands. */
  readonly passesEscapes?: boolean;
  /** (k) Answers with audio port 0: a call without audio. */
  readonly answersWithPortZero?: boolean;
  /** (l) `uuid_kill` on the call's own socket: the notice alone follows. */
  readonly losesEventsAtKill?: boolean;
}
