// Which digests a phone is offered: both, unless it is known or seen to give up at the one it does not know (RFC 8760 §2.4).
import t from 'tap';
import { ChallengeAlgorithms } from '../../src/pbx/registrar/challenge-algorithms.ts';
import { parseNameAddr } from '../../src/protocol/sip/uri.ts';
import { ManualClock } from '../support/manual-clock.ts';

function asking(user: string, host = '192.0.2.10', userAgent = 'Deskphone 4.2') {
  return {
    source: { host, port: 5061 },
    from: parseNameAddr(`<sip:${user}@clinic.test>;tag=1`),
    header: (name: string) => (name === 'User-Agent' ? userAgent : undefined),
  };
}

t.test('a phone is offered SHA-256 first, then MD5; several requests at once change nothing', async (t) => {
  const algorithms = new ChallengeAlgorithms(new ManualClock());
  t.same(algorithms.offerTo(asking('1001')), ['SHA-256', 'MD5'], 'its REGISTER');
  t.same(algorithms.offerTo(asking('1001')), ['SHA-256', 'MD5'], 'and its SUBSCRIBE');
});

t.test('a phone that left both unanswered and asks anew is offered MD5 alone from then on', async (t) => {
  const clock = new ManualClock();
  const algorithms = new ChallengeAlgorithms(clock);
  algorithms.offerTo(asking('1001'));
  clock.advance(30_000);
  t.same(algorithms.offerTo(asking('1001')), ['MD5']);
  algorithms.answered(asking('1001'));
  clock.advance(3_600_000);
  t.same(algorithms.offerTo(asking('1001')), ['MD5'], 'after it answered, too');
  t.same(algorithms.offerTo(asking('1002')), ['SHA-256', 'MD5'], 'no other user');
  t.same(algorithms.offerTo(asking('1001', '192.0.2.99')), ['SHA-256', 'MD5'], 'nor the same user from elsewhere');
});

t.test('a phone that answers is offered both every time', async (t) => {
  const clock = new ManualClock();
  const algorithms = new ChallengeAlgorithms(clock);
  for (let time = 0; time < 3; time++) {
    t.same(algorithms.offerTo(asking('1001')), ['SHA-256', 'MD5']);
    algorithms.answered(asking('1001'));
    clock.advance(60_000);
  }
});

t.test('baresip before 3.12, and browsers on SIP.js, give up at SHA-256 and get MD5 alone at once', async (t) => {
  const algorithms = new ChallengeAlgorithms(new ManualClock());
  t.same(algorithms.offerTo(asking('1001', '192.0.2.11', 'SIP.js/0.21.2')), ['MD5']);
  const offeredTo = (version: string) =>
    algorithms.offerTo(asking(version, version, `baresip v${version} (x86_64/Linux)`));
  for (const version of ['1.0.0', '2.12.0', '3.0.0', '3.9.1', '3.11.0']) t.same(offeredTo(version), ['MD5'], version);
  for (const version of ['3.12.0', '3.20.0', '4.1.0', '10.0.0'])
    t.same(offeredTo(version), ['SHA-256', 'MD5'], version);
});
