// `proxy` at the edge (RFC 3261 §16): targets in turn and at once, redirections, time-outs, CANCEL, and calls that stay on the way.
import t, { type Test } from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve, 10));

async function bench(t: Test, targetCount: number, clock?: ManualClock) {
  const edge = await edgeBench(clock === undefined ? {} : { clock });
  const app = await (await edge.raw()).ready('invite', 'register', 'message');
  const caller = await SipPeer.udp(edge.port('carrier/udp'));
  const targets: SipPeer[] = [];
  for (let index = 0; index < targetCount; index++) targets.push(await SipPeer.udp(edge.port('carrier/udp')));
  t.teardown(async () => {
    for (const peer of [caller, ...targets]) await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  /** An INVITE from the caller, proxied with these options. */
  const invite = async (options: string, parts = {}) => {
    const request = caller.request('INVITE', { body: SDP, ...parts });
    caller.send(request);
    const { fields } = await app.takeSip('INVITE');
    const uris = targets.map(({ port }) => `sip:5550100@127.0.0.1:${port}`).join('|');
    const asked = app.ask(`proxy|${fields[8]}|${options}|${uris}\r\nINVITE sip:x SIP/2.0\r\nX-App: added\r\n\r\n`);
    return { request, asked };
  };
  const last = () => app.take((frame) => frame.leader.endsWith('|OK|done'), 'done');
  return { edge, app, caller, targets, invite, last };
}

t.test('at once: every target rings, the first that answers has the call, the others are cancelled', async (t) => {
  const { caller, targets, invite, last } = await bench(t, 3);
  const { request } = await invite('remainInDialog|fullResponse||simultaneous||');
  const [first, second, third] = targets as [SipPeer, SipPeer, SipPeer];
  const ringing = [];
  for (const [index, target] of targets.entries()) {
    const seen = await target.takeRequest('INVITE');
    t.equal(seen.headers.get('x-app'), 'added');
    target.answer(seen, 180, 'Ringing', { tag: `r${index}` });
    ringing.push(seen);
  }
  await caller.takeResponse(180);
  first.answer(ringing[0] ?? request, 486, 'Busy Here', { tag: 'r0' });
  second.answer(ringing[1] ?? request, 200, 'OK', {
    tag: 'r1',
    headers: [
      ['Contact', `<${second.uri}>`],
      ['Record-Route', ringing[1]?.headers.get('record-route') ?? ''],
    ],
    body: SDP,
  });
  const ok = await caller.takeResponse(200);
  await third.takeRequest('CANCEL');
  third.answer(ringing[2] ?? request, 487, 'Request Terminated', { tag: 'r2' });
  await third.takeRequest('ACK');
  await last();
  const route = [['Route', ok.headers.get('record-route') ?? ''] as const];
  caller.send(caller.within(request, ok, 'ACK', { uri: second.uri, headers: route }));
  await second.takeRequest('ACK');
  // The callee says its 200 again when its ACK was lost; the caller's stack hears it.
  caller.send(caller.within(request, ok, 'BYE', { uri: second.uri, headers: route }));
  second.answer(await second.takeRequest('BYE'), 200, 'OK');
  await caller.takeResponse(200, 'BYE');
});

t.test(
  'in turn: a target that stays silent is given up, and the next is tried; a refusal of all goes back',
  async (t) => {
    const clock = new ManualClock();
    const { caller, targets, invite, last } = await bench(t, 2, clock);
    const { asked } = await invite('|fullResponse||serial|2s|');
    const [silent, busy] = targets as [SipPeer, SipPeer];
    await silent.takeRequest('INVITE');
    t.notOk(busy.lines.includes('INVITE'));
    clock.advance(2_000);
    busy.answer(await busy.takeRequest('INVITE'), 486, 'Busy Here');
    await caller.takeResponse(408);
    t.match((await asked).text, 'SIP/2.0 486');
    await last();
  },
);

t.test('RFC 3261 §16.7: the best answer is a 6xx, else the lowest class; 503 of a target is not ours', async (t) => {
  const { caller, targets, invite, edge } = await bench(t, 3);
  for (const [statuses, best] of [
    [[486, 404, 407], 407],
    [[503, 503, 503], edge.has('relays-503') ? 503 : 500],
    [[404, 500, 603], 603],
  ] as const) {
    const { request } = await invite('|||simultaneous||');
    const seen = await Promise.all(targets.map((target) => target.takeRequest('INVITE')));
    for (const [index, target] of targets.entries())
      target.answer(seen[index] ?? request, statuses[index] ?? 500, 'No');
    await caller.takeResponse(best, 'INVITE');
    caller.send(caller.request('ACK'));
  }
});

t.test('a redirection is followed when the application says so, and else goes back', async (t) => {
  const { edge, caller, targets, invite } = await bench(t, 1);
  const other = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(() => other[Symbol.asyncDispose]());
  const [first] = targets as [SipPeer];
  for (const follows of [true, false]) {
    await invite(`||${follows ? 'followRedirects' : ''}|serial||`);
    const headers: [string, string][] = [['Contact', `<${other.uri}>`]];
    first.answer(await first.takeRequest('INVITE'), 302, 'Moved Temporarily', { headers });
    if (follows) other.answer(await other.takeRequest('INVITE'), 486, 'Busy Here');
    await caller.takeResponse(follows ? 486 : 302);
  }
});

t.test(
  'the caller gives up: 200, CANCEL to whom it rang, 487; a target that says nothing more does not hold it',
  async (t) => {
    const clock = new ManualClock();
    const { caller, targets, invite, last, app } = await bench(t, 1, clock);
    const [target] = targets as [SipPeer];
    for (const answers of [true, false]) {
      const { request, asked } = await invite('|fullResponse||serial||');
      const seen = await target.takeRequest('INVITE');
      target.answer(seen, 180, 'Ringing');
      await caller.takeResponse(180);
      const via = request.headers.get('via') ?? '';
      const { headers } = request;
      caller.send({
        ...request,
        method: 'CANCEL',
        headers: headers.with('CSeq', '1 CANCEL').with('Via', via),
        body: new Uint8Array(),
      });
      await caller.takeResponse(200, 'CANCEL');
      const cancel = await target.takeRequest('CANCEL');
      target.answer(cancel, 200, 'OK');
      if (answers) target.answer(seen, 487, 'Request Terminated');
      else {
        await turn();
        clock.advance(2_000);
      }
      await caller.takeResponse(487, 'INVITE');
      t.match((await asked).leader, answers ? /\|continue$/ : /\|OK\|done$/);
      if (answers) await last();
    }
    t.notOk(app.frames.some(({ text }) => text.startsWith('CANCEL')));
  },
);

t.test('a challenge stops the search, and the request with credentials goes to its target alone', async (t) => {
  const { caller, targets, invite } = await bench(t, 2);
  const [first, second] = targets as [SipPeer, SipPeer];
  const { request } = await invite('|fullResponse||serial||');
  const challenge: [string, string][] = [['Proxy-Authenticate', 'Digest realm="r", nonce="n"']];
  first.answer(await first.takeRequest('INVITE'), 407, 'Proxy Authentication Required', { headers: challenge });
  const refused = await caller.takeResponse(407);
  t.ok(refused.headers.has('proxy-authenticate'));
  caller.send(caller.within(request, refused, 'ACK'));
  const credentials = [['Proxy-Authorization', 'Digest username="u", realm="r", nonce="n", response="0"']] as const;
  await invite('|fullResponse||serial||', {
    callId: request.headers.get('call-id') ?? '',
    cseq: 2,
    headers: credentials,
  });
  first.answer(await first.takeRequest('INVITE'), 486, 'Busy Here');
  await caller.takeResponse(486);
  t.notOk(second.lines.includes('INVITE'));
});

t.test('a REGISTER gets a Path; hops run out; an unknown transaction and a bad target are refused', async (t) => {
  const { app, caller, targets, edge } = await bench(t, 1);
  const [target] = targets as [SipPeer];
  caller.send(caller.request('REGISTER'));
  const register = await app.takeSip('REGISTER');
  const uri = `sip:127.0.0.1:${target.port}`;
  void app.ask(`proxy|${register.fields[8]}|remainInDialog|||serial|||${uri}\r\nREGISTER x SIP/2.0\r\n\r\n`);
  const seen = await target.takeRequest('REGISTER');
  t.match(seen.headers.get('path'), /^<sip:127\.0\.0\.1:\d+;lr>$/);
  t.equal(seen.headers.get('require'), 'path');
  target.answer(seen, 200, 'OK');
  await caller.takeResponse(200);
  const message = caller.request('MESSAGE');
  caller.send({ ...message, headers: message.headers.with('Max-Forwards', '0') });
  const { fields } = await app.takeSip('MESSAGE');
  const asked = app.ask(`proxy|${fields[8]}||||serial|||${uri}\r\nx\r\n\r\n`);
  if (edge.has('proxy-483-untold')) asked.catch(() => {});
  else t.equal((await asked).fields[3], 'NOK');
  await caller.takeResponse(483);
  const unknown = await app.ask(`proxy|nothing||||serial|||${uri}\r\nx\r\n\r\n`);
  t.same(unknown.fields.slice(3), ['NOK', 'Unknown transaction id: nothing']);
});

t.test('we relay for calls that stay with us alone: a stranger with our Route gets 481 or nothing', async (t) => {
  const { edge, caller, targets, app } = await bench(t, 1);
  const [target] = targets as [SipPeer];
  const route = [['Route', `<sip:127.0.0.1:${edge.port('carrier/udp')};lr>`] as const];
  caller.send(caller.request('BYE', { uri: target.uri, toTag: 'x', headers: route }));
  if (edge.has('relays-for-strangers')) {
    await target.takeRequest('BYE');
    return;
  }
  await caller.takeResponse(481, 'BYE');
  caller.send(caller.request('ACK', { uri: target.uri, toTag: 'x', headers: route }));
  await turn();
  t.same(target.lines, []);
  t.notOk(app.frames.some(({ text }) => text.startsWith('BYE')));
});

t.test('timer C: a target that rings for three minutes is given up', async (t) => {
  const clock = new ManualClock();
  const { caller, targets, invite } = await bench(t, 1, clock);
  const [target] = targets as [SipPeer];
  await invite('||||serial||'.slice(1));
  target.answer(await target.takeRequest('INVITE'), 180, 'Ringing');
  await caller.takeResponse(180);
  clock.advance(184_000);
  t.notOk(target.lines.includes('CANCEL'));
  clock.advance(1_000);
  await target.takeRequest('CANCEL');
  await caller.takeResponse(408);
});
