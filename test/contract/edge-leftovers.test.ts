// Dialogs and requests that nobody speaks of again do not stay: a BYE without credentials, an INVITE that only rings.
import t from 'tap';
import type { SipStack, StackEvents } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import type { SrfDialog } from '../../src/pbx/leg/srf-types.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

t.test('a BYE that is challenged and not said again with credentials ends the dialog after 64 × T1', async (t) => {
  const clock = new ManualClock();
  await using bench = await edgeBench({ clock });
  await using peer = await SipPeer.udp(bench.port('carrier/udp'));
  const srf = await bench.srf();
  const calling = srf.createUAC(peer.uri, { localSdp: SDP });
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 200, 'OK', { headers: [['Contact', `<${peer.uri}>`]], body: SDP });
  const dialog = (await calling) as SrfDialog;
  await peer.takeRequest('ACK');
  const ending = dialog.destroy().catch(() => undefined);
  const bye = await peer.takeRequest('BYE');
  const challenge = 'Digest realm="clinic.example", nonce="n", algorithm=MD5, qop="auth"';
  peer.answer(bye, 401, 'Unauthorized', { headers: [['WWW-Authenticate', challenge]] });
  await ending;
  t.equal(bench.edge.status().dialogs, 1, 'it may still be said again');
  clock.advance(31_900);
  t.equal(bench.edge.status().dialogs, 1);
  clock.advance(200);
  t.equal(bench.edge.status().dialogs, 0);
});

t.test('an INVITE in a dialog that is answered 180 and nothing more is cancelled when the dialog ends', async (t) => {
  const clock = new ManualClock();
  let stack: SipStack | undefined;
  const createStack = (events: StackEvents) => {
    stack = createSipStack(events, { clock });
    return stack;
  };
  await using bench = await edgeBench({ clock, createStack });
  await using peer = await SipPeer.udp(bench.port('carrier/udp'));
  const app = await (await bench.raw()).ready('invite');
  const called = async (...headers: [string, string][]) => {
    const invite = peer.request('INVITE', { body: SDP, headers });
    peer.send(invite);
    const { fields } = await app.takeSip('INVITE');
    const echo = await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
    const ok = await peer.takeResponse(200, 'INVITE');
    peer.send(peer.within(invite, ok, 'ACK'));
    await app.takeSip('ACK');
    return { invite, ok, dialogId: echo.fields[11] ?? '' };
  };
  // Its refresh rings, and the session's time runs out.
  await called(['Supported', 'timer'], ['Session-Expires', '90;refresher=uas']);
  clock.advance(45_000);
  peer.answer(await peer.takeRequest('INVITE'), 180, 'Ringing');
  // The application's re-INVITE rings, and the peer hangs up.
  const { invite, ok, dialogId } = await called();
  await app.ask(`sip||${dialogId}|\r\nINVITE ${peer.uri} SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n${SDP}`);
  peer.answer(await peer.takeRequest('INVITE'), 180, 'Ringing');
  await app.takeSip('SIP/2.0 180');
  peer.send(peer.within(invite, ok, 'BYE'));
  const bye = await app.takeSip('BYE');
  await app.ask(`sip|${bye.fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  t.ok(await peer.takeRequest('CANCEL'));
  for (let count = 0; count < 6; count++) {
    clock.advance(32_000);
    await app.ask('ping');
  }
  t.ok(await peer.takeRequest('CANCEL'));
  t.equal(bench.edge.status().dialogs, 0);
  t.equal(bench.edge.status().pendingOut, 0);
  t.equal(stack?.load.transactions, 0);
});
