// Where the legs of a media server live: on its own thread, or on worker threads (decisions/media-workers.md).
import type { Clock } from '../../../kernel/clock.ts';
import type { MediaPorts } from '../../runtime/media-socket.ts';
import { type AudioLeg, openAudioLeg } from './leg.ts';

export interface Legs extends AsyncDisposable {
  /** Binds a port and gives the leg that owns it. Rejects with `media-ports-exhausted`, or with Node's own error. */
  open(): Promise<AudioLeg>;
  /** One beat of 20 ms: `onHeard` is called once every leg has what it heard in it; what is written meanwhile is sent after it. */
  beat(onHeard: () => void): void;
  /** Ports of closed legs that wait until their peer is silent are counted too. */
  readonly portsInUse: number;
  /** Worker threads, and how many have died since the start. */
  readonly workers: number;
  readonly workersLost: number;
}

/** Legs on this thread. Owns `ports`. */
export function localLegs(ports: MediaPorts, clock: Clock, random: (count: number) => Uint8Array): Legs {
  return {
    open: () => openAudioLeg({ ports, clock, random, nat: 'latch' }),
    beat: (onHeard) => onHeard(),
    get portsInUse() {
      return ports.inUse;
    },
    workers: 0,
    workersLost: 0,
    [Symbol.asyncDispose]: () => ports[Symbol.asyncDispose](),
  };
}
