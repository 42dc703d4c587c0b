// Servers tried one after another, as rules that hold whatever each of them does (RFC 3263 §4.3): seeded, in virtual time, on a stack that is made up.
import t from 'tap';
import { sendRequest } from '../../src/engine/edge/attempts.ts';
import type { EdgeContext } from '../../src/engine/edge/context.ts';
import type { Route } from '../../src/engine/edge/targets.ts';
import type { ClientEvents, ClientTransaction, Flow, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { SipHeaders, type SipRequest } from '../../src/protocol/sip/message.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seeded } from '../support/seeded.ts';

const ROUNDS = 200;
const STEP_MS = 1_000;
const SILENCE_MS = 4_000;
const TIMER_B_MS = 32_000;
const MAX_TRIED = 8;
const KINDS = ['dead', 'refused', 'busy', 'out', 'answers', 'answers-late'] as const;
type Kind = (typeof KINDS)[number];

const STATUS: Readonly<Partial<Record<Kind, number>>> = { busy: 486, out: 503, answers: 200, 'answers-late': 200 };
const flow = { isOpen: true } as Flow;

/** A call to servers that behave so; what its owner was told, and who was tried. */
async function callTo(kinds: readonly Kind[], method: 'INVITE' | 'OPTIONS', cancelAtMs?: number) {
  const clock = new ManualClock();
  const tried: number[] = [];
  const told: Array<number | string> = [];
  const headers = SipHeaders.of(
    ['From', '<sip:a@x>;tag=1'],
    ['To', '<sip:b@x>'],
    ['Call-ID', 'c'],
    ['CSeq', `1 ${method}`],
  );
  const message: SipRequest = { kind: 'request', method, uri: 'sip:b@x', headers, body: new Uint8Array(0) };
  const stack = {
    async request(request: SipRequest, { port }: SipTarget, events: ClientEvents): Promise<ClientTransaction> {
      tried.push(port);
      behave(clock, kinds[port] ?? 'dead', request, events, port);
      return { request, wire: new Uint8Array(0), flow, cancel() {} };
    },
  };
  const locator = { failed() {}, answered() {} };
  const counters = { fault: (name: string) => told.push(name) };
  const context = { stack, locator, counters, clock } as unknown as EdgeContext;
  const client = await sendRequest(context, routeTo(kinds, 0), () => message, {
    onResponse: ({ status }) => told.push(status),
    onFailure: (ending) => told.push(ending),
  });
  for (let ms = 0; ms < 12 * TIMER_B_MS && clock.pending > 0; ms += STEP_MS) {
    if (ms === cancelAtMs) client.cancel();
    clock.advance(STEP_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { told, tried, isQuiet: clock.pending === 0 };
}

function routeTo(kinds: readonly Kind[], port: number): Route {
  const target = { transport: 'udp', host: '127.0.0.1', port } as const;
  const place = { ...target, port: 5060 };
  return { target, place, next: async () => (port + 1 < kinds.length ? routeTo(kinds, port + 1) : undefined) };
}

function behave(clock: ManualClock, kind: Kind, request: SipRequest, events: ClientEvents, port: number): void {
  const status = STATUS[kind];
  if (status !== undefined) {
    const response = buildResponse(request, status, 'x', `tag${port}`);
    clock.after(kind === 'answers-late' ? SILENCE_MS + 1_000 : 100, () =>
      events.onResponse(response, { flow, bytes: 1 }),
    );
  } else
    clock.after(kind === 'refused' ? 1 : TIMER_B_MS, () =>
      events.onFailure(kind === 'refused' ? 'transport-error' : 'timeout'),
    );
}

const isFinal = (word: number | string) => typeof word === 'string' || word >= 200;
const isAnswer = (word: number | string) => typeof word === 'number' && word >= 200 && word < 300;

t.test('every server once and in order, one final answer, and nothing left running', async (t) => {
  const { seed, below } = seeded();
  t.comment(`seed ${seed}`);
  for (let round = 0; round < ROUNDS; round++) {
    // Few are there, so that most rounds come to the second and third.
    const kind = () => (below(2) === 0 ? 'dead' : (KINDS[below(KINDS.length)] ?? 'dead'));
    const kinds = Array.from({ length: 1 + below(10) }, kind);
    const method = below(3) === 0 ? 'OPTIONS' : 'INVITE';
    const { told, tried, isQuiet } = await callTo(kinds, method);
    const what = `round ${round}, ${method} to ${kinds.join(', ')}: tried ${tried.join()}, told ${told.join()}`;
    const finals = told.filter(isFinal);
    if (tried.some((port, index) => port !== index)) t.fail(`not in order: ${what}`);
    if (tried.length > MAX_TRIED) t.fail(`too many: ${what}`);
    if (finals.length === 0 || finals.slice(1).some((word) => !isAnswer(word))) t.fail(`not one final: ${what}`);
    // Where all before it are dead or out, whoever answers has the call.
    const end = kinds.findIndex((kind) => kind === 'busy' || kind.startsWith('answers'));
    if (end >= 0 && end < MAX_TRIED) {
      const isBusy = kinds[end] === 'busy';
      if (finals[0] !== (isBusy ? 486 : 200) && kinds[end] !== 'answers-late')
        t.fail(`not the first that can: ${what}`);
    } else if (isAnswer(finals[0] ?? '')) t.fail(`an answer from nowhere: ${what}`);
    if (!isQuiet) t.fail(`a timer is left: ${what}`);
  }
  t.pass(`${ROUNDS} rounds`);
});

t.test(
  'an INVITE waits four seconds for the silent, another request waits for its time-out; after a CANCEL nobody else is asked',
  async (t) => {
    t.same((await callTo(['dead', 'answers'], 'INVITE')).told, [200]);
    t.same((await callTo(['answers-late', 'dead'], 'INVITE')).tried, [0, 1], 'the silent one is not waited for');
    t.same(
      (await callTo(['answers-late', 'answers'], 'OPTIONS')).tried,
      [0],
      'but might carry out another request twice',
    );
    const cancelled = await callTo(['dead', 'dead', 'answers'], 'INVITE', 5_000);
    t.same(cancelled.tried, [0, 1]);
    t.same(cancelled.told, ['timeout']);
  },
);
