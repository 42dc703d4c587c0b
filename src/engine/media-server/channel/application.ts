// What a dialplan application is: started by name and argument, driven by the channel's 20 ms ticks, completed once.
import type { Channel } from './channel.ts';

/** One run of an application on a channel. */
export interface Execution {
  readonly channel: Channel;
  /** Variables are already expanded in it. */
  readonly argument: string;
  /** Ends the run: CHANNEL_EXECUTE_COMPLETE with this `Application-Response` (`_none_` when absent). Later calls do nothing. */
  complete(response?: string): void;
}

/** An application that takes time. Runs only while it is the innermost one of its channel. */
export interface RunningApplication {
  /** One tick: `heard` came from the party; whatever is put into `out` (silence before) is sent to it. */
  tick?(heard: Int16Array, out: Int16Array): void;
  /** It sends what the other party of the bridge says, and nothing of its own. */
  readonly hearsBridge?: boolean;
  onDigit?(digit: string): void;
  /** `uuid_break`. */
  onBreak?(): void;
  /** The channel ends; what has to be told before the completion. The channel completes it afterwards. */
  onHangup?(): void;
}

/** Starts a run. Answers undefined when it is complete already. */
export type StartApplication = (execution: Execution) => RunningApplication | undefined;
