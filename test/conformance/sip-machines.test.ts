// Every state × every input of the four transaction machines, over UDP and TCP, in virtual time: what goes on the wire, what the
// user is told and when each ends, stated from RFC 3261 figures 5 to 8 and RFC 6026 §7 and §8, not from the machines' own tables.
import t from 'tap';
import { RunningClientTransaction } from '../../src/engine/runtime/client-transaction.ts';
import type { LiveFlow } from '../../src/engine/runtime/flow.ts';
import { RunningServerTransaction } from '../../src/engine/runtime/server-transaction.ts';
import type { SipMessage } from '../../src/protocol/sip/message.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { requestFor, requestText } from '../support/sip-bench.ts';

type Transport = 'udp' | 'tcp';

/** A transaction under test: inputs go in by name, and all it does is logged. */
interface Bench {
  /** `wire 486`, `user 180`, `user timeout`, `over done`; in order. */
  readonly log: string[];
  readonly clock: ManualClock;
  readonly inputs: Readonly<Record<string, () => void>>;
}

/** What happens in one cell: the next state, and what is done at once. */
type Cell = readonly [next: string, ...done: readonly string[]];

interface State {
  /** The inputs that lead here from the start. */
  readonly by: readonly string[];
  /** What time alone brings: `500 wire INVITE`, in ms since this state was entered at the start of the transaction. */
  readonly udp: readonly string[];
  readonly tcp: readonly string[];
  /** Inputs that are not named here do nothing at all. */
  readonly on: Readonly<Record<string, Cell>>;
}

interface MachineCase {
  readonly title: string;
  readonly make: (transport: Transport) => Bench;
  readonly states: Readonly<Record<string, State>>;
}

const INPUT_AT_MS = 100;
/** Longer than anything runs: 64 × T1 is 32 s. */
const LONG_MS = 100_000;

/** T1 doubled without end, as timer A is (§17.1.1.2), and up to T2, as timers E and G are (§17.1.2.2, §17.2.1); before 64 × T1. */
const DOUBLING = [500, 1_500, 3_500, 7_500, 15_500, 31_500];
const DOUBLING_TO_T2 = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
/** §17.1.2.2: in Proceeding timer E runs for T2 each time; its first run was begun before. */
const EVERY_T2 = [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500];
const at = (times: readonly number[], what: string): string[] => times.map((ms) => `${ms} ${what}`);

/** Timers that an earlier state began and this one goes on with count from the start of the transaction. */
const INHERITED = new Set(['other client, RFC 3261 figure 6 proceeding']);

const TERMINATED: State = { by: [], udp: [], tcp: [], on: {} };

const inviteClient: MachineCase = {
  title: 'INVITE client, RFC 3261 figure 5 and RFC 6026 §7.2',
  make: (transport) => clientBench(transport, 'INVITE'),
  states: {
    calling: {
      by: [],
      udp: [...at(DOUBLING, 'wire INVITE'), '32000 user timeout', '32000 over'],
      tcp: ['32000 user timeout', '32000 over'],
      on: {
        // The stack keeps 100 to itself; it stops the resending all the same.
        '100': ['proceeding'],
        '180': ['proceeding', 'user 180'],
        '200': ['accepted', 'user 200'],
        '200-fork': ['accepted', 'user 200'],
        '486': ['completed', 'wire ACK', 'user 486'],
        'transport-error': ['terminated', 'user transport-error', 'over'],
        'connection-closed': ['terminated', 'user transport-error', 'over'],
      },
    },
    proceeding: {
      by: ['180'],
      udp: [],
      tcp: [],
      on: {
        '180': ['proceeding', 'user 180'],
        '200': ['accepted', 'user 200'],
        '200-fork': ['accepted', 'user 200'],
        '486': ['completed', 'wire ACK', 'user 486'],
        cancel: ['cancelled', 'wire CANCEL'],
      },
    },
    // §9.1: who cancels waits 64 × T1 for the final answer.
    cancelled: {
      by: ['180', 'cancel'],
      udp: ['32000 user timeout', '32000 over'],
      tcp: ['32000 user timeout', '32000 over'],
      on: {
        '180': ['cancelled', 'user 180'],
        '200': ['accepted', 'user 200'],
        '200-fork': ['accepted', 'user 200'],
        '486': ['completed', 'wire ACK', 'user 486'],
      },
    },
    // Timer D: at least 32 s over UDP, zero over TCP.
    completed: {
      by: ['486'],
      udp: ['32000 over'],
      tcp: ['0 over'],
      on: { '486': ['completed', 'wire ACK'], 'transport-error': ['terminated', 'over'] },
    },
    // RFC 6026 §7.2, timer M: the first 2xx of each fork goes up, copies go to who sends the ACKs.
    accepted: {
      by: ['200'],
      udp: ['32000 over'],
      tcp: ['32000 over'],
      on: { '200': ['accepted', 'stray 200'], '200-fork': ['accepted', 'user 200'] },
    },
    terminated: TERMINATED,
  },
};

const nonInviteClient: MachineCase = {
  title: 'other client, RFC 3261 figure 6',
  make: (transport) => clientBench(transport, 'OPTIONS'),
  states: {
    trying: {
      by: [],
      udp: [...at(DOUBLING_TO_T2, 'wire OPTIONS'), '32000 user timeout', '32000 over'],
      tcp: ['32000 user timeout', '32000 over'],
      on: {
        '100': ['proceeding'],
        '180': ['proceeding', 'user 180'],
        '200': ['completed', 'user 200'],
        '200-fork': ['completed', 'user 200'],
        '486': ['completed', 'user 486'],
        'transport-error': ['terminated', 'user transport-error', 'over'],
        'connection-closed': ['terminated', 'user transport-error', 'over'],
      },
    },
    proceeding: {
      by: ['180'],
      udp: [...at(EVERY_T2, 'wire OPTIONS'), '32000 user timeout', '32000 over'],
      tcp: ['32000 user timeout', '32000 over'],
      on: {
        '180': ['proceeding', 'user 180'],
        '200': ['completed', 'user 200'],
        '200-fork': ['completed', 'user 200'],
        '486': ['completed', 'user 486'],
        'transport-error': ['terminated', 'user transport-error', 'over'],
      },
    },
    // Timer K: T4 over UDP, zero over TCP.
    completed: { by: ['200'], udp: ['5000 over'], tcp: ['0 over'], on: {} },
    terminated: TERMINATED,
  },
};

const inviteServer: MachineCase = {
  title: 'INVITE server, RFC 3261 figure 7 and RFC 6026 §7.1',
  make: (transport) => serverBench(transport, 'INVITE'),
  states: {
    proceeding: {
      by: [],
      udp: [],
      tcp: [],
      on: {
        'give 180': ['ringing', 'wire 180'],
        'give 200': ['accepted', 'wire 200'],
        'give 486': ['completed', 'wire 486'],
        'transport-error': ['terminated', 'over transport-error'],
      },
    },
    ringing: {
      by: ['give 180'],
      udp: [],
      tcp: [],
      on: {
        request: ['ringing', 'wire 180'],
        'give 180': ['ringing', 'wire 180'],
        'give 200': ['accepted', 'wire 200'],
        'give 486': ['completed', 'wire 486'],
        'transport-error': ['terminated', 'over transport-error'],
      },
    },
    // Timers G (never over TCP) and H.
    completed: {
      by: ['give 486'],
      udp: [...at(DOUBLING_TO_T2, 'wire 486'), '32000 over timeout'],
      tcp: ['32000 over timeout'],
      on: {
        request: ['completed', 'wire 486'],
        ack: ['confirmed'],
        'transport-error': ['terminated', 'over transport-error'],
      },
    },
    // Timer I: T4 over UDP, zero over TCP.
    confirmed: { by: ['give 486', 'ack'], udp: ['5000 over done'], tcp: ['0 over done'], on: {} },
    // RFC 6026 §7.1, timer L: copies of the INVITE are absorbed, the user resends its 2xx, the ACK goes up.
    accepted: {
      by: ['give 200'],
      udp: ['32000 over done'],
      tcp: ['32000 over done'],
      on: { 'give 200': ['accepted', 'wire 200'], ack: ['accepted', 'user ACK'] },
    },
    terminated: TERMINATED,
  },
};

const nonInviteServer: MachineCase = {
  title: 'other server, RFC 3261 figure 8',
  make: (transport) => serverBench(transport, 'OPTIONS'),
  states: {
    trying: {
      by: [],
      udp: [],
      tcp: [],
      on: {
        'give 180': ['proceeding', 'wire 180'],
        'give 200': ['completed', 'wire 200'],
        'give 486': ['refused', 'wire 486'],
      },
    },
    proceeding: {
      by: ['give 180'],
      udp: [],
      tcp: [],
      on: {
        request: ['proceeding', 'wire 180'],
        'give 180': ['proceeding', 'wire 180'],
        'give 200': ['completed', 'wire 200'],
        'give 486': ['refused', 'wire 486'],
        'transport-error': ['terminated', 'over transport-error'],
      },
    },
    // Timer J: 64 × T1 over UDP, zero over TCP. The state is Completed whichever answer was given.
    completed: {
      by: ['give 200'],
      udp: ['32000 over done'],
      tcp: ['0 over done'],
      on: { request: ['completed', 'wire 200'], 'transport-error': ['terminated', 'over transport-error'] },
    },
    refused: {
      by: ['give 486'],
      udp: ['32000 over done'],
      tcp: ['0 over done'],
      on: { request: ['refused', 'wire 486'], 'transport-error': ['terminated', 'over transport-error'] },
    },
    terminated: TERMINATED,
  },
};

for (const machine of [inviteClient, nonInviteClient, inviteServer, nonInviteServer]) {
  for (const transport of ['udp', 'tcp'] as const) {
    t.test(`${machine.title}, over ${transport}`, async (t) => {
      for (const name of Object.keys(machine.states)) {
        if (name === 'terminated') continue;
        t.strictSame(aloneIn(machine, transport, name), stateOf(machine, name)[transport], `${name}: time alone`);
        for (const input of Object.keys(machine.make(transport).inputs)) {
          const { done, later, wanted } = cellOf(machine, transport, name, input);
          t.strictSame(done, wanted.done, `${name} × ${input}: at once`);
          t.strictSame(later, wanted.later, `${name} × ${input}: later`);
        }
      }
    });
  }
}

function stateOf(machine: MachineCase, name: string): State {
  const state = machine.states[name];
  if (state === undefined) throw new Error(`There is no state ${name}.`);
  return state;
}

/** Brings a fresh transaction to the state; it may be over by then, where the state's timer is zero. */
function enter(machine: MachineCase, transport: Transport, name: string): Bench {
  const bench = machine.make(transport);
  for (const input of stateOf(machine, name).by) {
    bench.log.length = 0;
    bench.inputs[input]?.();
  }
  return bench;
}

function isZero(state: State, transport: Transport): boolean {
  return state[transport][0]?.startsWith('0 ') === true;
}

/** What time alone brings, with its moments; a timer of zero has fired with the entry. */
function aloneIn(machine: MachineCase, transport: Transport, name: string): string[] {
  const bench = enter(machine, transport, name);
  const ended = bench.log.filter((line) => line.startsWith('over')).map((line) => `0 ${line}`);
  return [...ended, ...timeline(bench, 0)];
}

/** Runs the clock out and says what was logged when, in ms since `from`. */
function timeline(bench: Bench, from: number): string[] {
  bench.log.length = 0;
  const lines: string[] = [];
  for (let ms = from; ms < LONG_MS; ms += INPUT_AT_MS) {
    bench.clock.advance(INPUT_AT_MS);
    for (const line of bench.log.splice(0)) lines.push(`${ms + INPUT_AT_MS} ${line}`);
  }
  if (bench.clock.pending !== 0 && lines.at(-1)?.includes('over') === true) lines.push('a timer is left');
  return lines;
}

function cellOf(machine: MachineCase, transport: Transport, name: string, input: string) {
  const state = stateOf(machine, name);
  const bench = enter(machine, transport, name);
  const isOver = isZero(state, transport);
  bench.clock.advance(INPUT_AT_MS);
  bench.log.length = 0;
  bench.inputs[input]?.();
  const done = [...bench.log];
  const [next, ...wantedDone] = isOver ? ['terminated'] : (state.on[input] ?? [name]);
  const after = stateOf(machine, next);
  const endsAtOnce = isZero(after, transport) && next !== name;
  const runsOn = next === name || INHERITED.has(`${machine.title} ${next}`);
  const shift = runsOn ? 0 : INPUT_AT_MS;
  const wantedLater = isOver || endsAtOnce ? [] : after[transport].map((line) => moved(line, shift));
  const overLines = endsAtOnce ? after[transport].map((line) => line.slice(2)) : [];
  return {
    done,
    later: timeline(bench, INPUT_AT_MS),
    wanted: { done: [...wantedDone, ...overLines], later: wantedLater },
  };
}

function moved(line: string, byMs: number): string {
  const space = line.indexOf(' ');
  return `${Number(line.slice(0, space)) + byMs}${line.slice(space)}`;
}

function clientBench(transport: Transport, method: string): Bench {
  const log: string[] = [];
  const clock = new ManualClock();
  const flow = recordingFlow(transport, log);
  const request = requestFor({ method });
  const sent = { ...request, headers: request.headers.prepend('Via', 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKm') };
  const events = {
    onResponse: (response: { status: number }) => log.push(`user ${response.status}`),
    onFailure: (ending: string) => log.push(`user ${ending}`),
  };
  const client = new RunningClientTransaction(sent, 'z9hG4bKm', flow, events, {
    clock,
    sendCancel: (cancel) => log.push(`wire ${cancel.method}`),
    stray: (response) => log.push(`stray ${response.status}`),
    sent() {},
    over: () => log.push('over'),
  });
  client.start();
  t.strictSame(log.splice(0), [`wire ${method}`], 'the request leaves at once');
  const receive = (status: number, tag = 'a') =>
    client.receive(buildResponse(sent, status, 'Test', tag), { flow, bytes: 100 });
  return {
    log,
    clock,
    inputs: {
      '100': () => receive(100),
      '180': () => receive(180),
      '200': () => receive(200),
      '200-fork': () => receive(200, 'b'),
      '486': () => receive(486),
      cancel: () => client.cancel(),
      'transport-error': () => client.transportFailed(),
      'connection-closed': () => client.flowClosed(),
    },
  };
}

function serverBench(transport: Transport, method: string): Bench {
  const log: string[] = [];
  const clock = new ManualClock();
  const flow = recordingFlow(transport, log);
  const request = asRequest(requestText({ method }));
  const server = new RunningServerTransaction(request, { flow, bytes: 100 }, 'key', {
    clock,
    newTag: () => 'tag',
    sendResponse: (bytes) => flow.send(bytes),
    began: () => log.push(`user ${method}`),
    passAck: (ack) => log.push(`user ${ack.method}`),
    over: () => {},
  });
  server.onEnd = (ending) => log.push(`over ${ending}`);
  server.receive();
  t.strictSame(log.splice(0), [`user ${method}`], 'the request goes up at once');
  const give = (status: number) => () => {
    const before = log.length;
    const isSent = server.respond(buildResponse(request, status, 'Test', 'tag')) !== undefined;
    // `respond` says whether the answer had its place.
    if (isSent !== log.slice(before).includes(`wire ${status}`)) log.push(`respond lied about ${status}`);
  };
  const ack = asRequest(requestText({ method: 'ACK', toTag: 'tag' }));
  return {
    log,
    clock,
    inputs: {
      request: () => server.receive(),
      ack: () => server.receiveAck(ack, { flow, bytes: 100 }),
      'give 180': give(180),
      'give 200': give(200),
      'give 486': give(486),
      'transport-error': () => server.transportFailed(),
    },
  };
}

function recordingFlow(transport: Transport, log: string[]): LiveFlow {
  const place = { host: '127.0.0.1', port: 5999 };
  return {
    id: 'test',
    listener: 'test',
    transport,
    local: place,
    remote: place,
    sentBy: place,
    isReliable: transport === 'tcp',
    isOpen: true,
    close() {},
    prove() {},
    send(bytes) {
      const message = asMessage(bytes);
      log.push(`wire ${message.kind === 'request' ? message.method : message.status}`);
    },
  };
}

function asMessage(bytes: Uint8Array): SipMessage {
  const message = parseMessage(bytes);
  if ('fault' in message) throw new Error(message.fault);
  return message;
}

function asRequest(text: string) {
  const message = asMessage(Buffer.from(text));
  if (message.kind !== 'request') throw new Error('The fixture is no request.');
  return message;
}
