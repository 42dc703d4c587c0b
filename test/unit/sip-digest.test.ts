// Digest authentication against the worked examples of RFC 7616 §3.9.1.
import { createHash } from 'node:crypto';
import t from 'tap';
import {
  type DigestAlgorithm,
  digestResponse,
  formatChallenge,
  formatCredentials,
  ha1,
  parseChallenge,
  parseDigest,
} from '../../src/protocol/sip/digest.ts';

const hash = (algorithm: DigestAlgorithm, text: string): string =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');

const REQUEST = {
  method: 'GET',
  uri: '/dir/index.html',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  counted: { nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
};

t.test('RFC 7616 §3.9.1: the responses of its examples', async (t) => {
  const expected = {
    MD5: '8ca523f5e9506fed4657c9700eebdbec',
    'SHA-256': '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
  } as const;
  for (const algorithm of ['MD5', 'SHA-256'] as const) {
    const secret = ha1(algorithm, 'Mufasa', 'http-auth@example.org', 'Circle of Life', hash);
    t.equal(digestResponse(algorithm, secret, REQUEST, hash), expected[algorithm], algorithm);
  }
});

t.test('a challenge written by us is read back, and its credentials hold what the verifier needs', async (t) => {
  const challenge = {
    realm: 'clinic "A"',
    nonce: 'n1',
    algorithm: 'SHA-256',
    qop: 'auth',
    opaque: 'o',
    isStale: true,
  } as const;
  const value = formatChallenge(challenge);
  t.equal(value, 'Digest realm="clinic \\"A\\"",nonce="n1",opaque="o",stale=true,algorithm=SHA-256,qop="auth"');
  t.match(parseChallenge(value), challenge);
  const secret = ha1('SHA-256', '1001', challenge.realm, 'secret', hash);
  const credentials = formatCredentials(
    challenge,
    { name: '1001', ha1: secret },
    { method: 'REGISTER', uri: 'sip:clinic.example', count: 10, cnonce: 'c' },
    hash,
  );
  const params = parseDigest(credentials);
  t.equal(params?.get('nc'), '0000000a');
  const request = {
    method: 'REGISTER',
    uri: 'sip:clinic.example',
    nonce: 'n1',
    counted: { nc: '0000000a', cnonce: 'c' },
  };
  t.equal(params?.get('response'), digestResponse('SHA-256', secret, request, hash));
});

t.test('what cannot be answered is undefined', async (t) => {
  for (const value of [
    '',
    'Basic realm="x"',
    'Digest',
    'Digest realm="x"',
    'Digest realm="x",nonce="n",algorithm=MD5-sess',
    'Digest realm="x",nonce="n",qop="auth-int"',
    'Digest realm="x",realm="y",nonce="n"',
    'Digest realm',
  ]) {
    t.equal(parseChallenge(value), undefined, value);
  }
  t.match(parseChallenge('digest  Realm = "x" , NONCE=n\r\n , qop="auth-int, auth"'), {
    realm: 'x',
    nonce: 'n',
    algorithm: 'MD5',
    qop: 'auth',
  });
});
