// Digest for phones: RFC 7616's own example, nonces that expire and cannot be replayed, and refusals that tell nothing.
import { createHash } from 'node:crypto';
import t from 'tap';
import { Authenticator } from '../../src/pbx/registrar/authenticator.ts';
import type { DigestAlgorithm } from '../../src/pbx/registrar/digest.ts';
import { expectedResponse, hash, parseAuthorization } from '../../src/pbx/registrar/digest.ts';
import type { SipCredential } from '../../src/vault/shapes.ts';
import { ManualClock } from '../support/manual-clock.ts';

const REALM = 'clinic.example';
const REGISTER = { method: 'REGISTER', uri: 'sip:clinic.example' };
const INVITE = { method: 'INVITE', uri: 'sip:clinic.example' };

t.test('RFC 7616 §3.9.1: the example’s responses, MD5 and SHA-256', async (t) => {
  const digest = {
    username: 'Mufasa',
    realm: 'http-auth@example.org',
    nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
    uri: '/dir/index.html',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    nc: '00000001',
  };
  const answer = (algorithm: DigestAlgorithm) => {
    const ha1 = hash(algorithm, 'Mufasa:http-auth@example.org:Circle of Life');
    return expectedResponse({ ...digest, algorithm }, ha1, 'GET');
  };
  t.equal(answer('MD5'), '8ca523f5e9506fed4657c9700eebdbec');
  t.equal(answer('SHA-256'), '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1');
});

t.test('RFC 8760 §2.4: both algorithms are offered, SHA-256 first', async (t) => {
  const { authenticator } = bench();
  const [first, second, ...more] = authenticator.challenges(false, ['SHA-256', 'MD5']);
  t.match(first, /^Digest realm="clinic.example", nonce="[^"]+", algorithm=SHA-256, qop="auth"$/);
  t.match(second, /algorithm=MD5/);
  t.same(more, []);
});

t.test('the right password is taken with either algorithm', async (t) => {
  for (const algorithm of ['SHA-256', 'MD5'] as const) {
    const { authenticator } = bench();
    t.same(authenticator.judge(REGISTER, answerTo(authenticator, { algorithm })), {
      is: 'authentic',
      username: '1001',
    });
  }
});

t.test('RFC 7616 §3.3: a nonce is stale after five minutes, and says so', async (t) => {
  const { authenticator, clock } = bench();
  const answer = answerTo(authenticator, {});
  clock.advance(299_000);
  t.equal(authenticator.judge(REGISTER, answer).is, 'authentic');
  const late = answerTo(authenticator, {});
  clock.advance(300_000);
  t.same(authenticator.judge(REGISTER, late), { is: 'challenged', isStale: true });
});

t.test('RFC 7616 §3.4.5: an answer cannot be used twice, a higher count can', async (t) => {
  const { authenticator } = bench();
  const nonce = nonceOf(authenticator);
  t.equal(authenticator.judge(REGISTER, answerTo(authenticator, { nonce, nc: '00000001' })).is, 'authentic');
  t.same(authenticator.judge(REGISTER, answerTo(authenticator, { nonce, nc: '00000001' })), {
    is: 'challenged',
    isStale: true,
  });
  t.equal(
    authenticator.judge(INVITE, answerTo(authenticator, { nonce, nc: '00000002', method: 'INVITE' })).is,
    'authentic',
  );
});

t.test('a nonce that is not ours is no nonce', async (t) => {
  const { authenticator } = bench();
  const forged = Buffer.alloc(30, 7).toString('base64url');
  t.same(authenticator.judge(REGISTER, answerTo(authenticator, { nonce: forged })), {
    is: 'challenged',
    isStale: false,
  });
});

t.test('an unknown user is refused as a wrong password is', async (t) => {
  const { authenticator } = bench();
  const unknown = authenticator.judge(REGISTER, answerTo(authenticator, { username: '1999' }));
  const wrong = authenticator.judge(REGISTER, answerTo(authenticator, { password: 'wrong' }));
  t.same(unknown, { is: 'refused' });
  t.same(unknown, wrong);
});

t.test(
  'RFC 7616 §3.4.6: an answer made for another request is no answer; ports and parameters do not matter',
  async (t) => {
    const { authenticator } = bench();
    for (const uri of ['sip:1002@clinic.example', 'sip:elsewhere.example', 'tel:+12125550100', '*']) {
      t.same(authenticator.judge({ method: 'REGISTER', uri }, answerTo(authenticator, {})), { is: 'misplaced' }, uri);
    }
    for (const uri of ['sip:Clinic.Example:5061;transport=tls', 'sips:clinic.example']) {
      t.match(authenticator.judge({ method: 'REGISTER', uri }, answerTo(authenticator, {})), { is: 'authentic' }, uri);
    }
  },
);

t.test('headers that are broken, of another realm or without qop are challenged', async (t) => {
  const { authenticator } = bench();
  for (const header of [
    undefined,
    '',
    'Basic abc',
    'Digest',
    'Digest realm="other"',
    'Digest username="1001'.repeat(500),
  ]) {
    t.same(authenticator.judge(REGISTER, header), { is: 'challenged', isStale: false });
  }
});

t.test('of several answers joined by commas the first for our realm counts', async (t) => {
  const { authenticator } = bench();
  const ours = answerTo(authenticator, {});
  const digest = parseAuthorization(`${ours.replace(REALM, 'elsewhere')}, ${ours}`, REALM);
  t.equal(digest?.realm, REALM);
});

function bench() {
  const clock = new ManualClock();
  const md5 = createHash('md5').update(`1001:${REALM}:secret`).digest('hex');
  const sha256 = createHash('sha256').update(`1001:${REALM}:secret`).digest('hex');
  const byUsername = new Map<string, SipCredential>([['1001', { username: '1001', ha1Md5: md5, ha1Sha256: sha256 }]]);
  let count = 0;
  const random = (bytes: number) => new Uint8Array(bytes).fill(++count);
  const credentials = () => ({ realm: REALM, byUsername });
  return { clock, authenticator: new Authenticator({ clock, random, credentials, onRefused: () => {} }) };
}

function nonceOf(authenticator: Authenticator): string {
  return /nonce="([^"]+)"/.exec(authenticator.challenges(false, ['SHA-256', 'MD5'])[0] ?? '')?.[1] ?? '';
}

interface Answer {
  readonly username?: string;
  readonly password?: string;
  readonly nonce?: string;
  readonly nc?: string;
  readonly method?: string;
  readonly algorithm?: DigestAlgorithm;
}

function answerTo(authenticator: Authenticator, answer: Answer): string {
  const {
    username = '1001',
    password = 'secret',
    nc = '00000001',
    method = 'REGISTER',
    algorithm = 'SHA-256',
  } = answer;
  const nonce = answer.nonce ?? nonceOf(authenticator);
  const digest = { username, realm: REALM, nonce, uri: 'sip:clinic.example', algorithm, cnonce: 'c', nc };
  const response = expectedResponse(digest, hash(algorithm, `${username}:${REALM}:${password}`), method);
  return `Digest username="${username}", realm="${REALM}", nonce="${nonce}", uri="sip:clinic.example", algorithm=${algorithm}, qop=auth, nc=${nc}, cnonce="c", response="${response}"`;
}
