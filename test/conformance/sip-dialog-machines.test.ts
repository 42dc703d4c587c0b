// Every state × every request of a dialog, over UDP and TCP, in virtual time: what the peer is answered by the edge itself and what the
// application gets. RFC 3261 §12.2.2, §14.2, §15.1; RFC 3262 §3; RFC 3311 §5.2; RFC 6665 §4.4.1. No answer of an application is among them.
import t, { type Test } from 'tap';
import { cseqOf, tagOf } from '../../src/protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { type EdgeBench, edgeBench, type RawApp } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type CallParts, SDP, SipPeer } from '../support/sip-peer.ts';

/** A dialog brought to a state, with somebody on both sides. */
interface Scene {
  readonly clock: ManualClock;
  readonly app: RawApp;
  readonly peer: SipPeer;
  readonly callId: string;
  readonly dialogId: string;
  /** The peer's INVITE that a CANCEL would mean. */
  readonly pending: SipRequest | undefined;
  /** What a PRACK of our provisional names. */
  readonly rack: string;
  /** The peer says it in the dialog; the CSeq counts on. */
  say(method: string, parts?: CallParts): SipRequest;
}

interface State {
  /** By whose INVITE or SUBSCRIBE the dialog came to be is part of the state. */
  enter(bench: Bench): Promise<Scene>;
  /** What each input brings: `486 INVITE` to the peer, `app BYE`; an input that is not named goes to the application as it is. */
  readonly on: Readonly<Record<string, readonly string[]>>;
}

interface Bench {
  readonly edge: EdgeBench;
  readonly app: RawApp;
  readonly clock: ManualClock;
  readonly transport: 'udp' | 'tcp';
}

const OFFER = { body: SDP };

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
  'a subscription of the peer': {
    enter: subscribed,
    on: { CANCEL: NOTHING },
  },
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

async function cell(t: Test, bench: Bench, state: State, input: string, act: (scene: Scene) => unknown): Promise<void> {
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

function isFence(message: SipResponse): boolean {
  return cseqOf(message)?.method === 'PUBLISH';
}

async function peerOf({ edge, transport }: Bench): Promise<SipPeer> {
  return await SipPeer[transport](edge.port(`carrier/${transport}`));
}

/** The peer's INVITE, answered so by the application. */
async function called(bench: Bench, status: string, ...headers: string[]): Promise<Scene> {
  const { app, clock } = bench;
  const peer = await peerOf(bench);
  const invite = peer.request('INVITE', { ...OFFER, cseq: 10, headers: [['Supported', '100rel']] });
  const callId = callIdOf(invite);
  peer.send(invite);
  const transactionId = (await takeOf(app, 'INVITE', callId)).fields[8] ?? '';
  const echo = await app.ask(`sip|${transactionId}|\r\nSIP/2.0 ${[status, ...headers].join('\r\n')}\r\n\r\n${SDP}`);
  const answer = await peer.takeResponse(Number(status.slice(0, 3)), 'INVITE');
  let cseq = 10;
  const say = (method: string, parts: CallParts = {}) => {
    cseq += 1;
    const request = peer.within(invite, answer, method, { cseq, ...parts });
    peer.send(request);
    return request;
  };
  const rack = `${answer.headers.get('rseq') ?? 1} 10 INVITE`;
  return { clock, app, peer, callId, dialogId: echo.fields[11] ?? '', pending: invite, rack, say };
}

async function acknowledgedEarly(bench: Bench): Promise<Scene> {
  const scene = await called(bench, '183 Progress', 'Require: 100rel');
  INPUTS.PRACK?.(scene);
  await takeOf(bench.app, 'PRACK', scene.callId);
  return scene;
}

async function confirmed(bench: Bench): Promise<Scene> {
  const scene = await called(bench, '200 OK');
  scene.say('ACK', { cseq: 10 });
  await takeOf(bench.app, 'ACK', scene.callId);
  // Its INVITE is forgotten when timer L has fired.
  bench.clock.advance(32_000);
  return scene;
}

/** The application's INVITE, answered by the peer. */
async function calledByUs(bench: Bench): Promise<Scene> {
  const { app, clock } = bench;
  const peer = await peerOf(bench);
  // Over TCP the connection that the peer has opened is used.
  await app.ask(`sip|||\r\nINVITE ${peer.uri} SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n${SDP}`);
  const invite = await peer.takeRequest('INVITE');
  const callId = callIdOf(invite);
  peer.answer(invite, 200, 'OK', { headers: [['Contact', `<${peer.uri}>`]], body: SDP });
  const dialogId = (await takeOf(app, 'SIP/2.0 200', callId)).fields[9] ?? '';
  await app.ask(`sip||${dialogId}|\r\nACK ${peer.uri} SIP/2.0\r\n\r\n`);
  await peer.takeRequest('ACK');
  const toTag = tagOf(invite.headers.get('from'));
  let cseq = 10;
  const say = (method: string, parts: CallParts = {}) => {
    cseq += 1;
    const request = peer.request(method, { callId, fromTag: 'peertag', toTag, cseq, ...parts });
    peer.send(request);
    return request;
  };
  clock.advance(32_000);
  // The peer has said something, so that an older CSeq can be told.
  say('MESSAGE');
  const transactionId = (await takeOf(app, 'MESSAGE', callId)).fields[8] ?? '';
  await app.ask(`sip|${transactionId}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  return { clock, app, peer, callId, dialogId, pending: undefined, rack: '1 10 INVITE', say };
}

async function subscribed(bench: Bench): Promise<Scene> {
  const { app, clock } = bench;
  const peer = await peerOf(bench);
  const subscribe = peer.request('SUBSCRIBE', {
    cseq: 10,
    headers: [
      ['Event', 'presence'],
      ['Expires', '600'],
    ],
  });
  const callId = callIdOf(subscribe);
  peer.send(subscribe);
  const transactionId = (await takeOf(app, 'SUBSCRIBE', callId)).fields[8] ?? '';
  const echo = await app.ask(`sip|${transactionId}|\r\nSIP/2.0 202 Accepted\r\nExpires: 600\r\n\r\n`);
  const answer = await peer.takeResponse(202, 'SUBSCRIBE');
  let cseq = 10;
  const say = (method: string, parts: CallParts = {}) => {
    cseq += 1;
    const request = peer.within(subscribe, answer, method, { cseq, ...parts });
    peer.send(request);
    return request;
  };
  return { clock, app, peer, callId, dialogId: echo.fields[11] ?? '', pending: undefined, rack: '1 10 INVITE', say };
}

async function reinvited(scene: Scene): Promise<Scene> {
  const { app, peer, dialogId } = scene;
  await app.ask(`sip||${dialogId}|\r\nINVITE ${peer.uri} SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n${SDP}`);
  await peer.takeRequest('INVITE');
  return scene;
}

async function beingReinvited(scene: Scene): Promise<Scene> {
  const pending = scene.say('INVITE', OFFER);
  await takeOf(scene.app, 'INVITE', scene.callId);
  return { ...scene, pending };
}

async function leaving(scene: Scene): Promise<Scene> {
  const { app, peer, dialogId } = scene;
  await app.ask(`sip||${dialogId}|\r\nBYE ${peer.uri} SIP/2.0\r\n\r\n`);
  await peer.takeRequest('BYE');
  return scene;
}

/** RFC 3261 §9.1. */
function asCancel(invite: SipRequest): SipRequest {
  const headers = invite.headers.with('CSeq', `${cseqOf(invite)?.number} CANCEL`).without('content-type');
  return { ...invite, method: 'CANCEL', headers, body: Buffer.alloc(0) };
}

function callIdOf({ headers }: SipRequest): string {
  return headers.get('call-id') ?? '';
}

function takeOf(app: RawApp, start: string, callId: string) {
  const isIt = ({ fields, text }: { fields: readonly string[]; text: string }) =>
    fields[1] === 'sip' && text.startsWith(start) && text.includes(callId);
  return app.take(isIt, start);
}
