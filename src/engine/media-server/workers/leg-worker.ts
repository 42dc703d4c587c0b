// The root of a leg worker's thread: it owns legs and their sockets, reads and writes them at the main thread's beat, and nothing else.
import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../kernel/clock.ts';
import { codeOf, sentenceOf } from '../../../kernel/errors.ts';
import { createMediaPorts } from '../../runtime/media-socket.ts';
import { type AudioLeg, openAudioLeg } from '../audio/leg.ts';
import { LegSlot } from './leg-slot.ts';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { Bell, Napper } from './nap.ts';
import { warmUp } from './warm-up.ts';

/** Beats between two copies of a leg's counters. */
const STATS_EVERY = 5;

interface Held {
  readonly id: number;
  readonly leg: AudioLeg;
  readonly slot: LegSlot;
}

const { rtpHost, rtpPorts, bell }: WorkerData = workerData;
const ports = createMediaPorts({ address: rtpHost, ...rtpPorts, clock: systemClock });
const byId = new Map<number, Held>();
/** For the beat: no iterator is made. */
let list: Held[] = [];
let beats = 0;
const napper = new Napper(new Bell(bell), () => list.length);

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}

async function open(id: number, memory: SharedArrayBuffer): Promise<void> {
  try {
    const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'latch' });
    leg.onDigit = (digit, durationTicks) => tell({ type: 'digit', leg: id, digit, durationTicks });
    byId.set(id, { id, leg, slot: new LegSlot(memory) });
    list = [...byId.values()];
    napper.consider();
    tell({ type: 'opened', leg: id, local: leg.local });
  } catch (error) {
    tell({ type: 'refused', leg: id, code: codeOf(error), message: sentenceOf(error) });
  }
}

function close(id: number): void {
  byId.get(id)?.leg[Symbol.dispose]();
  if (byId.delete(id)) list = [...byId.values()];
}

/** A mistake of ours in one leg ends that leg and no other. */
function fail({ id }: Held, error: unknown): void {
  tell({ type: 'failed', leg: id, code: codeOf(error) });
  close(id);
}

function beat(): void {
  beats++;
  for (let i = 0; i < list.length; i++) {
    const held = list[i];
    if (held === undefined) continue;
    try {
      held.slot.putHeard(held.leg.read());
      if ((beats + held.id) % STATS_EVERY === 0) held.slot.putStats(held.leg.stats);
    } catch (error) {
      fail(held, error);
    }
  }
  tell({ type: 'heard', portsInUse: ports.inUse });
}

function say(): void {
  for (let i = 0; i < list.length; i++) {
    const held = list[i];
    if (held === undefined) continue;
    try {
      const samples = held.slot.takeSaid();
      if (samples !== undefined) held.leg.write(samples);
    } catch (error) {
      fail(held, error);
    }
  }
}

// What comes while it warms up waits.
await warmUp();
parentPort?.on('message', (message: ToWorker) => {
  if (message.type === 'beat') beat();
  else if (message.type === 'say') say();
  else if (message.type === 'open') void open(message.leg, message.slot);
  else if (message.type === 'configure') byId.get(message.leg)?.leg.configure(message.session);
  else if (message.type === 'send-digit') byId.get(message.leg)?.leg.sendDigit(message.digit, message.durationMs);
  else close(message.leg);
});
tell({ type: 'ready' });
