// A phone that checks who it talks to: linphonec registers with the appliance of the right CA and name, and sends nothing to another.
import t from 'tap';
import { startAppliance, until } from '../support/appliance.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { needs } from '../support/clients.ts';
import { startLinphone } from '../support/linphone.ts';

const DEADLINE_MS = 40_000;
const REGISTERED = /moving from state \[LinphoneRegistrationProgress\] to \[LinphoneRegistrationOk\]/;
const FAILED = /moving from state \[LinphoneRegistrationProgress\] to \[LinphoneRegistrationFailed\]/;

if (needs(t, 'linphonec')) {
  const appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  const ca = appliance.cli(['vault', 'ca']).stdout;
  const phone = { ...(await appliance.phone('1003')), host: 'localhost', ca };

  t.test('with the right CA and name it connects and registers by SHA-256', async (t) => {
    await using linphone = startLinphone(phone);
    t.ok(await linphone.prints(REGISTERED, DEADLINE_MS), 'registered');
    t.match(linphone.output, /Authorization:.*algorithm=SHA-256/, 'it took the better of the two digests');
    const bindings = (await appliance.bindings()).filter(({ username }) => username === '1003');
    t.match(bindings, [{ source: { transport: 'tls' }, userAgent: /^Linphone/ }]);
    linphone.say('quit');
    await linphone.ends(DEADLINE_MS);
    const isGone = async () => (await appliance.bindings()).length === 0;
    t.ok(await until(isGone, DEADLINE_MS), 'and it is gone when it leaves');
  });

  t.test('a name that the certificate does not have: it says no and sends nothing', async (t) => {
    // It reads only DNS names in certificates, so that the address is a wrong name to it.
    await using linphone = startLinphone({ ...phone, host: '127.0.0.1' });
    t.ok(await linphone.prints(FAILED, DEADLINE_MS), 'not registered');
    t.match(linphone.output, /CN-mismatch/);
    t.notMatch(linphone.output, /^REGISTER sip:/m);
  });

  t.test('another CA than the right one: it says no and sends nothing', async (t) => {
    await using linphone = startLinphone({ ...phone, ca: (await makeTestCertificate()).ca });
    t.ok(await linphone.prints(FAILED, DEADLINE_MS), 'not registered');
    t.match(linphone.output, /SSL handshake failed : X509 - Certificate verification failed/);
    t.notMatch(linphone.output, /CN-mismatch/, 'for the CA, not for the name');
    t.notMatch(linphone.output, /^REGISTER sip:/m);
  });

  t.test('a wrong password and an unknown user are refused, and alike', async (t) => {
    const answers: string[] = [];
    for (const username of ['1003', '1999']) {
      await using linphone = startLinphone({ ...phone, username, password: 'not-the-password' });
      t.ok(await linphone.prints(FAILED, DEADLINE_MS), 'not registered');
      answers.push(
        [...linphone.output.matchAll(/^SIP\/2\.0 ([2-6]\d\d .*)$/gm)].map(([, line]) => line?.trim()).join(),
      );
    }
    t.match(answers[0], /^401 [^,]*,403 /, 'challenged, then refused');
    t.equal(answers[1], answers[0], 'nobody can tell an extension that exists from one that does not');
    t.same(await appliance.bindings(), []);
  });

  t.test('a phone that registers over UDP or TCP is refused: phones get TLS alone', async (t) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const port = transport === 'udp' ? appliance.carrierUdpPort : appliance.carrierTcpPort;
      await using linphone = startLinphone({ ...phone, host: '127.0.0.1', port, transport });
      t.ok(await linphone.prints(FAILED, DEADLINE_MS), `not registered over ${transport}`);
      t.match(linphone.output, /^SIP\/2\.0 403 /m);
    }
    t.same(await appliance.bindings(), []);
  });

  t.test('a phone that offers plain RTP is refused', async (t) => {
    await using linphone = startLinphone({ ...phone, encryption: 'none' });
    t.ok(await linphone.prints(REGISTERED, DEADLINE_MS), 'registered');
    linphone.say('call sip:1004@localhost');
    t.ok(await linphone.prints(/^SIP\/2\.0 488 /m, DEADLINE_MS), 'its call is refused with 488');
  });
}
