// Hours of a clinic's telephony in virtual time on a whole edge: registrations, calls of every kind of ending, session timers, subscriptions,
// keep-alives and an application that is replaced. Each hour ends quietly, and then nothing is to be left of it.
import { pino } from 'pino';
import { createEdge, type Edge, type EdgeListenerOptions } from '../../src/engine/edge/edge.ts';
import type { SipStack } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { ManualClock } from '../support/manual-clock.ts';
import type { Seeded } from '../support/seeded.ts';
import { type SoakApp, soakApp } from './sip-day-app.ts';
import { KINDS, SoakPhone } from './sip-day-phone.ts';

const SECRET = 'cymru';
const STEP_MS = 2_000;
const UDP_PHONES = 20;
const TCP_PHONES = 5;
/** Of each hour, the part in which calls begin; the rest is long enough for the last of them to end. */
const BUSY_PART = 0.5;
const LONGEST_CALL_PART = 0.2;
const CALL_EVERY_STEPS = 5;
const KEEP_ALIVE_EVERY_STEPS = 15;
/** Packets are carried by real sockets: time stands still until they are. */
const QUIET_TURNS = 3;

/** What the edge and its stack hold at the end of a quiet hour. */
export interface HourEnd {
  readonly transactions: number;
  readonly connections: number;
  readonly dialogs: number;
  readonly pendingIn: number;
  readonly pendingOut: number;
  readonly registeredConnections: number;
  readonly timers: number;
  readonly heapBytes: number;
}

/** What of it is more than it may be; undefined when nothing. */
export function leftBehind(
  { heapBytes: _, registeredConnections, ...held }: HourEnd,
  phones: number,
): string | undefined {
  // What a registration left is kept until it runs out, or until as many have been made again.
  const isMore = registeredConnections > 2 * phones || Object.values(held).some((count) => count !== 0);
  return isMore ? JSON.stringify({ ...held, registeredConnections }) : undefined;
}

export interface SoakDay extends AsyncDisposable {
  readonly phones: number;
  /** How many calls of each kind were begun. */
  readonly calls: Readonly<Record<string, number>>;
  readonly thrown: readonly unknown[];
  readonly edge: Edge;
  hour(): Promise<HourEnd>;
  /** Another application takes the place of this one, whose calls go on. */
  replaceApplication(): Promise<void>;
}

/** `hourMs`: how long an hour is; calls and expiries are as much shorter. `collect` frees memory before it is measured. */
export async function soakDay(random: Seeded, hourMs: number, collect: () => void): Promise<SoakDay> {
  const clock = new ManualClock();
  const thrown: unknown[] = [];
  let stack: SipStack | undefined;
  const edge = await createEdge({
    admin: { host: '127.0.0.1', port: 0 },
    secret: SECRET,
    clock,
    logger: pino({ level: 'silent' }),
    listeners: (['udp', 'tcp'] as const).map(
      (transport): EdgeListenerOptions => ({
        name: 'phones',
        profile: 'phones',
        transport,
        host: '127.0.0.1',
        port: 0,
      }),
    ),
    createStack: (events) => {
      stack = createSipStack(events, { clock, onThrow: (what) => void thrown.push(what) });
      return stack;
    },
  });
  const portOf = (transport: string) => edge.listeners.find((each) => each.transport === transport)?.port ?? 0;
  const connectApp = () => soakApp(edge, SECRET, { clock, random, longestMs: hourMs * LONGEST_CALL_PART });
  let app: SoakApp = await connectApp();
  const calls: Record<string, number> = {};
  let phones: SoakPhone[] = [];
  const steps = Math.floor(hourMs / STEP_MS);
  const step = async (): Promise<void> => {
    clock.advance(STEP_MS);
    for (let turns = 0; turns < QUIET_TURNS; turns++) await new Promise((resolve) => setImmediate(resolve));
  };
  /** Every hour the phones come by new ports, as behind a router that was started again. */
  const changePhones = async (): Promise<void> => {
    for (const phone of phones) await phone.close();
    const parts = {
      clock,
      random,
      longestMs: hourMs * LONGEST_CALL_PART,
      expiresSeconds: Math.floor((hourMs * 0.7) / 1000),
    };
    phones = await Promise.all(
      Array.from({ length: UDP_PHONES + TCP_PHONES }, (_, index) => {
        const transport = index < UDP_PHONES ? 'udp' : 'tcp';
        return SoakPhone.open({ ...parts, index, transport, port: portOf(transport) });
      }),
    );
  };
  const busyStep = (at: number): void => {
    if (at % Math.floor(steps / 8) === 0) for (const phone of phones) phone.register();
    if (at === 0) for (const phone of phones) phone.subscribe();
    if (at % KEEP_ALIVE_EVERY_STEPS === 1) for (const phone of phones) phone.keepAlive();
    if (at % CALL_EVERY_STEPS !== 0) return;
    const kind = KINDS[random.below(KINDS.length)] ?? 'busy';
    calls[kind] = (calls[kind] ?? 0) + 1;
    const [from, to] = [phones[random.below(UDP_PHONES)], phones[random.below(UDP_PHONES)]];
    if (from !== undefined && to !== undefined) from.call(kind, to);
  };
  return {
    phones: UDP_PHONES + TCP_PHONES,
    calls,
    thrown,
    edge,
    async hour() {
      await changePhones();
      for (let at = 0; at < steps; at++) {
        if (at < steps * BUSY_PART) busyStep(at);
        await step();
      }
      for (const phone of phones) await phone.close();
      phones = [];
      for (let tries = 0; tries < 100 && (stack?.load.connections ?? 0) > 0; tries++) await step();
      collect();
      const { dialogs, pendingIn, pendingOut, registeredConnections } = edge.status();
      const { transactions = 0, connections = 0 } = stack?.load ?? {};
      const heapBytes = process.memoryUsage().heapUsed;
      return {
        transactions,
        connections,
        dialogs,
        pendingIn,
        pendingOut,
        registeredConnections,
        timers: clock.pending,
        heapBytes,
      };
    },
    async replaceApplication() {
      app.leave();
      while (edge.status().applications > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      app = await connectApp();
    },
    async [Symbol.asyncDispose]() {
      app.leave();
      for (const phone of phones) await phone.close();
      await edge.close();
    },
  };
}
