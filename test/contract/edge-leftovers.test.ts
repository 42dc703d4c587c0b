// Dialogs that neither side speaks of again do not stay: an application without credentials for its BYE.
import t from 'tap';
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
