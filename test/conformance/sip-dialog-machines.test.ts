// Every state × every request of a dialog, over UDP and TCP, in virtual time: what the peer is answered by the edge itself and what the
// application gets. RFC 3261 §12.2.2, §14.2, §15.1; RFC 3262 §3; RFC 3311 §5.2; RFC 6665 §4.4.1. No answer of an application is among them.
import t, { type Test } from 'tap';
import { cseqOf } from '../../src/protocol/sip/fields.ts';
import type { SipMessage, SipRequest } from '../../src/protocol/sip/message.ts';
import {
  acknowledgedEarly,
  beingReinvited,
  called,
  calledByUs,
  confirmed,
  leaving,
  OFFER,
  reinvited,
  type Scene,
  type SceneBench,
  subscribed,
  subscribedByUs,
} from '../support/dialog-scenes.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';

interface State {
  /** By whose INVITE or SUBSCRIBE the dialog came to be is part of the state. */
  enter(bench: SceneBench): Promise<Scene>;
  /** What time alone brings the peer, to half a second: `500 183`. */
  readonly alone?: Readonly<Record<'udp' | 'tcp', readonly string[]>>;
  /** What each input brings: `486 INVITE` to the peer, `app BYE`; an input that is not named goes to the application as it is. */
  readonly on: Readonly<Record<string, readonly string[]>>;
}

const INPUTS: Readonly<Record<string, (scene: Scene) => unknown>> = {
  're-INVITE': (scene) => scene.say('INVITE', OFFER),
  UPDATE: (scene) => scene.say('UPDATE'),
  'UPDATE with an offer': (scene) => scene.say('UPDATE', OFFER),
  BYE: (scene) => scene.say('BYE'),
  INFO: (scene) => scene.say('INFO'),
  REFER: (scene) => scene.say('REFER', { headers: [['Refer-To', '<sip:5550100@127.0.0.1>']] }),
  MESSAGE: (scene) => scene.say('MESSAGE'),
  OPTIONS: (scene) => scene.say('OPTIONS'),
  NOTIFY: (scene) => scene.say('NOTIFY', { headers: [['Event', 'presence']] }),
  SUBSCRIBE: (scene) =>
    scene.say('SUBSCRIBE', {
      headers: [
        ['Event', 'presence'],
        ['Expires', '600'],
      ],
    }),
  PRACK: (scene) => scene.say('PRACK', { headers: [['RAck', scene.rack]] }),
  'PRACK of another': (scene) => scene.say('PRACK', { headers: [['RAck', '4000000 10 INVITE']] }),
  'an older CSeq': (scene) => scene.say('INFO', { cseq: 1 }),
  'a stray ACK': (scene) => scene.say('ACK', { cseq: 1 }),
  CANCEL: (scene) => {
    if (scene.pending !== undefined) scene.peer.send(asCancel(scene.pending));
  },
};

const NOTHING: readonly string[] = [];
const REFUSED = ['481'];

const at = (times: readonly number[], what: string): string[] => times.map((ms) => `${ms} ${what}`);
const UNACKNOWLEDGED_183 = [
  ...at([500, 1_500, 3_500, 7_500, 15_500, 31_500], '183'),
  ...at([32_000, 32_500, 33_500, 35_500, 39_500], '504'),
];
const UNACKNOWLEDGED_200 = [
  ...at([500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500], '200'),
  ...at([32_000, 32_500, 33_500, 35_500, 39_500], 'BYE'),
];

const STATES: Readonly<Record<string, State>> = {
  'early, the peer called': {
    enter: (bench) => called(bench, '180 Ringing'),
    on: {
      // RFC 3261 §14.2: the first INVITE has no final answer yet.
      're-INVITE': ['500'],
      BYE: ['200', '487 INVITE', 'app CANCEL'],
      CANCEL: ['200', '487 INVITE', 'app CANCEL'],
      PRACK: REFUSED,
      'PRACK of another': REFUSED,
    },
  },
  'early and reliable, the peer called': {
    enter: (bench) => called(bench, '183 Progress', 'Require: 100rel'),
    // RFC 3262 §3: whatever the transport, doubling without end; at 64 × T1 the call is refused.
    alone: { udp: UNACKNOWLEDGED_183, tcp: [...UNACKNOWLEDGED_183.slice(0, 6), '32000 504'] },
    on: {
      're-INVITE': ['500'],
      BYE: ['200', '487 INVITE', 'app CANCEL'],
      CANCEL: ['200', '487 INVITE', 'app CANCEL'],
      'PRACK of another': REFUSED,
    },
  },
  'early and acknowledged, the peer called': {
    enter: acknowledgedEarly,
    on: {
      're-INVITE': ['500'],
      BYE: ['200', '487 INVITE', 'app CANCEL'],
      CANCEL: ['200', '487 INVITE', 'app CANCEL'],
      // RFC 3262 §3: there is nothing left to acknowledge.
      PRACK: REFUSED,
      'PRACK of another': REFUSED,
    },
  },
  'answered and not acknowledged, the peer called': {
    enter: async (bench) => called(bench, '200 OK'),
    // RFC 3261 §13.3.1.4; the BYE has no answer, and is said again over UDP.
    alone: { udp: UNACKNOWLEDGED_200, tcp: ['32000 BYE'] },
    on: { CANCEL: ['200'], PRACK: ['app PRACK'] },
  },
  'confirmed, the peer called': { enter: confirmed, on: { CANCEL: ['481'] } },
  'confirmed, we called': { enter: calledByUs, on: { CANCEL: NOTHING } },
  'our re-INVITE waits, the peer called': {
    enter: async (bench) => reinvited(await confirmed(bench)),
    on: { 're-INVITE': ['491'], 'UPDATE with an offer': ['491'], CANCEL: ['481'] },
  },
  'our re-INVITE waits, we called': {
    enter: async (bench) => reinvited(await calledByUs(bench)),
    on: { 're-INVITE': ['491'], 'UPDATE with an offer': ['491'], CANCEL: NOTHING },
  },
  "the peer's re-INVITE waits, the peer called": {
    enter: async (bench) => beingReinvited(await confirmed(bench)),
    on: {
      're-INVITE': ['500'],
      'UPDATE with an offer': ['500'],
      BYE: ['487 INVITE', 'app BYE'],
      CANCEL: ['200', '487 INVITE', 'app CANCEL'],
    },
  },
  "the peer's re-INVITE waits, we called": {
    enter: async (bench) => beingReinvited(await calledByUs(bench)),
    on: {
      're-INVITE': ['500'],
      'UPDATE with an offer': ['500'],
      BYE: ['487 INVITE', 'app BYE'],
      CANCEL: ['200', '487 INVITE', 'app CANCEL'],
    },
  },
  'our BYE waits, the peer called': { enter: async (bench) => leaving(await confirmed(bench)), on: ending('481') },
  'our BYE waits, we called': { enter: async (bench) => leaving(await calledByUs(bench)), on: ending() },
  'a subscription of the peer': { enter: subscribed, on: { CANCEL: NOTHING } },
  'a subscription of ours': { enter: subscribedByUs, on: { CANCEL: NOTHING } },
};

/** RFC 3261 §15: both hang up at once; all else has come too late. */
function ending(cancel?: string): Record<string, readonly string[]> {
  const late = Object.fromEntries(Object.keys(INPUTS).map((input) => [input, REFUSED]));
  return { ...late, BYE: ['200'], 'a stray ACK': NOTHING, CANCEL: cancel === undefined ? NOTHING : [cancel] };
}

for (const transport of ['udp', 'tcp'] as const) {
  for (const [name, state] of Object.entries(STATES)) {
    t.test(`${name}, over ${transport}`, async (t) => {
      const clock = new ManualClock();
      await using edge = await edgeBench({ clock });
      const app = await (await edge.raw()).ready('invite', 'subscribe');
      for (const [input, act] of Object.entries(INPUTS))
        await cell(t, { edge, app, clock, transport }, state, input, act);
    });
  }
}

for (const transport of ['udp', 'tcp'] as const) {
  for (const [name, { enter, alone }] of Object.entries(STATES)) {
    if (alone === undefined) continue;
    t.test(`${name}, over ${transport}: time alone`, async (t) => {
      const clock = new ManualClock();
      await using edge = await edgeBench({ clock });
      const app = await (await edge.raw()).ready('invite');
      const scene = await enter({ edge, app, clock, transport });
      await using peer = scene.peer;
      const seen: string[] = [];
      for (let ms = 500; ms <= 40_000; ms += 500) {
        const from = peer.seen.length;
        clock.advance(500);
        await settled(scene);
        for (const message of peer.seen.slice(from)) if (!isFence(message)) seen.push(`${ms} ${shortOf(message)}`);
      }
      t.strictSame(seen, alone[transport]);
    });
  }
}

function shortOf(message: SipMessage): string {
  return message.kind === 'request' ? message.method : String(message.status);
}

async function cell(
  t: Test,
  bench: SceneBench,
  state: State,
  input: string,
  act: (scene: Scene) => unknown,
): Promise<void> {
  const scene = await state.enter(bench);
  await using peer = scene.peer;
  const { app } = bench;
  await settled(scene);
  const [fromPeer, fromApp] = [peer.seen.length, app.frames.length];
  act(scene);
  await settled(scene);
  const answers = peer.seen.slice(fromPeer).filter((message) => message.kind === 'response' && !isFence(message));
  const frames = app.frames.slice(fromApp).filter(({ fields }) => fields[1] === 'sip');
  const seen = [
    ...answers.map((message) => (message.kind === 'response' ? `${message.status} ${cseqOf(message)?.method}` : '')),
    ...frames.map(({ text }) => `app ${text.slice(0, text.indexOf(' '))}`),
  ];
  const method = input.startsWith('an older') ? 'INFO' : (/[A-Z]{3,}/.exec(input)?.[0] ?? '');
  const wanted = wantedOf(state, input, method);
  // The 100 is told by the INVITE's own test.
  t.strictSame(seen.filter((line) => line !== '100 INVITE').sort(), [...wanted].sort(), input);
}

function wantedOf(state: State, input: string, method: string): readonly string[] {
  const named = state.on[input];
  if (named !== undefined) return named.map((line) => (/^\d+$/.test(line) ? `${line} ${method}` : line));
  if (input === 'an older CSeq') return [`500 ${method}`];
  return input === 'a stray ACK' ? [] : [`app ${method}`];
}

/** What was said before has been heard on both sides. */
async function settled({ peer, app }: Scene): Promise<void> {
  peer.send(peer.request('PUBLISH', { callId: `fence-${peer.seen.length}-${peer.port}` }));
  await peer.takeResponse(503, 'PUBLISH');
  await app.ask('ping');
}

function isFence(message: SipMessage): boolean {
  return cseqOf(message)?.method === 'PUBLISH';
}

/** RFC 3261 §9.1. */
function asCancel(invite: SipRequest): SipRequest {
  const headers = invite.headers.with('CSeq', `${cseqOf(invite)?.number} CANCEL`).without('content-type');
  return { ...invite, method: 'CANCEL', headers, body: Buffer.alloc(0) };
}
