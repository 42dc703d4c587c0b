// Dialogs of an edge brought to each of their states, with somebody on both sides: a bare peer, and an application that writes frames by hand.
import { tagOf } from '../../src/protocol/sip/fields.ts';
import type { SipRequest } from '../../src/protocol/sip/message.ts';
import type { EdgeBench, RawApp } from './edge-bench.ts';
import type { ManualClock } from './manual-clock.ts';
import { type CallParts, SDP, SipPeer } from './sip-peer.ts';

/** A dialog brought to a state, with somebody on both sides. */
export interface Scene {
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

export interface SceneBench {
  readonly edge: EdgeBench;
  readonly app: RawApp;
  readonly clock: ManualClock;
  readonly transport: 'udp' | 'tcp';
}

export const OFFER = { body: SDP };

async function peerOf({ edge, transport }: SceneBench): Promise<SipPeer> {
  return await SipPeer[transport](edge.port(`carrier/${transport}`));
}

/** The peer's INVITE, answered so by the application. */
export async function called(bench: SceneBench, status: string, ...headers: string[]): Promise<Scene> {
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

export async function acknowledgedEarly(bench: SceneBench): Promise<Scene> {
  const scene = await called(bench, '183 Progress', 'Require: 100rel');
  scene.say('PRACK', { headers: [['RAck', scene.rack]] });
  await takeOf(bench.app, 'PRACK', scene.callId);
  return scene;
}

export async function confirmed(bench: SceneBench): Promise<Scene> {
  const scene = await called(bench, '200 OK');
  scene.say('ACK', { cseq: 10 });
  await takeOf(bench.app, 'ACK', scene.callId);
  // Its INVITE is forgotten when timer L has fired.
  bench.clock.advance(32_000);
  return scene;
}

/** The application's INVITE, answered by the peer. */
export async function calledByUs(bench: SceneBench): Promise<Scene> {
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

export async function subscribed(bench: SceneBench): Promise<Scene> {
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

/** The application's SUBSCRIBE, taken by the peer. */
export async function subscribedByUs(bench: SceneBench): Promise<Scene> {
  const { app, clock } = bench;
  const peer = await peerOf(bench);
  await app.ask(`sip|||\r\nSUBSCRIBE ${peer.uri} SIP/2.0\r\nEvent: presence\r\nExpires: 600\r\n\r\n`);
  const subscribe = await peer.takeRequest('SUBSCRIBE');
  const callId = callIdOf(subscribe);
  peer.answer(subscribe, 202, 'Accepted', {
    headers: [
      ['Contact', `<${peer.uri}>`],
      ['Expires', '600'],
    ],
  });
  const dialogId = (await takeOf(app, 'SIP/2.0 202', callId)).fields[9] ?? '';
  const toTag = tagOf(subscribe.headers.get('from'));
  let cseq = 10;
  const say = (method: string, parts: CallParts = {}) => {
    cseq += 1;
    const request = peer.request(method, { callId, fromTag: 'peertag', toTag, cseq, ...parts });
    peer.send(request);
    return request;
  };
  say('NOTIFY', {
    headers: [
      ['Event', 'presence'],
      ['Subscription-State', 'active;expires=600'],
    ],
  });
  const transactionId = (await takeOf(app, 'NOTIFY', callId)).fields[8] ?? '';
  await app.ask(`sip|${transactionId}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  return { clock, app, peer, callId, dialogId, pending: undefined, rack: '1 10 INVITE', say };
}

export async function reinvited(scene: Scene): Promise<Scene> {
  const { app, peer, dialogId } = scene;
  await app.ask(`sip||${dialogId}|\r\nINVITE ${peer.uri} SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n${SDP}`);
  await peer.takeRequest('INVITE');
  return scene;
}

export async function beingReinvited(scene: Scene): Promise<Scene> {
  const pending = scene.say('INVITE', OFFER);
  await takeOf(scene.app, 'INVITE', scene.callId);
  return { ...scene, pending };
}

export async function leaving(scene: Scene): Promise<Scene> {
  const { app, peer, dialogId } = scene;
  await app.ask(`sip||${dialogId}|\r\nBYE ${peer.uri} SIP/2.0\r\n\r\n`);
  await peer.takeRequest('BYE');
  return scene;
}

function callIdOf({ headers }: SipRequest): string {
  return headers.get('call-id') ?? '';
}

function takeOf(app: RawApp, start: string, callId: string) {
  const isIt = ({ fields, text }: { fields: readonly string[]; text: string }) =>
    fields[1] === 'sip' && text.startsWith(start) && text.includes(callId);
  return app.take(isIt, start);
}
