// Offer and answer: FreeSWITCH's choices as traced, the SDES rules, holds, re-offers, and what must be refused.
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import t from 'tap';
import { createDtlsIdentity } from '../../src/protocol/dtls/identity.ts';
import type { NegotiatedAudio, SecurePolicy } from '../../src/protocol/sdp/audio.ts';
import type { AudioNegotiation, Negotiated, NegotiationOptions } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { formatSdp, parseSdp } from '../../src/protocol/sdp/session.ts';
import { seeded } from '../support/seeded.ts';

const file = (name: string) => readFileSync(new URL(`../vectors/sdp/${name}.sdp`, import.meta.url), 'utf8');
const NAMES = [
  'phone-avp-offer',
  'phone-savp-offer',
  'webrtc-offer',
  'freeswitch-avp-answer',
  'freeswitch-savp-answer',
  'freeswitch-3pcc-offer',
  'freeswitch-reinvite-answer',
  'fsmrf-3pcc-echo',
];
const KEY_30 = 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH';
const OTHER_30 = 'CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI';
const KEY_44 = Buffer.alloc(44, 7).toString('base64');

function mrf(secure: SecurePolicy, more: Partial<NegotiationOptions> = {}): AudioNegotiation {
  let count = 0;
  const random = (bytes: number) => new Uint8Array(bytes).fill(++count);
  return createAudioNegotiation({
    local: { host: '127.0.0.1', port: 20184 },
    sessionId: 1000,
    secure,
    random,
    ...more,
  });
}

/** An offer from 127.0.0.1 with these m- and a-lines. */
function offer(...lines: string[]): string {
  return `${['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...lines].join('\r\n')}\r\n`;
}

function savp(...crypto: string[]): string {
  return offer(
    'm=audio 49450 RTP/SAVP 0 101',
    'a=rtpmap:101 telephone-event/8000',
    ...crypto.map((line) => `a=crypto:${line}`),
  );
}

function agreed(t: Test, result: Negotiated): { sdp: string; audio: NegotiatedAudio } {
  if ('refused' in result) {
    t.fail(`refused: ${result.refused}`);
    throw new Error('refused');
  }
  return result;
}

const refused = (result: Negotiated) => ('refused' in result ? result.refused : undefined);
const line = (sdp: string, start: string) => sdp.split('\r\n').filter((l) => l.startsWith(start));

t.test('what FreeSWITCH answered to a plain phone, we answer, to the letter', (t) => {
  const { sdp, audio } = agreed(t, mrf('optional', { sessionId: 1795281233 }).answerOffer(file('phone-avp-offer')));
  t.equal(sdp, file('freeswitch-avp-answer').replace('192.0.2.2', '127.0.0.1'));
  t.match(audio, {
    remote: { host: '127.0.0.1', port: 43735 },
    codec: 'PCMU',
    telephoneEvent: { send: 101, receive: 101 },
    direction: 'sendrecv',
    srtp: undefined,
  });
  t.end();
});

t.test('what FreeSWITCH answered to a phone with SDES, we answer, key apart', (t) => {
  const ms = mrf('required', { sessionId: 1795280478, local: { host: '127.0.0.1', port: 20960 } });
  const { sdp, audio } = agreed(t, ms.answerOffer(file('phone-savp-offer')));
  const withoutKey = (text: string) => text.replace(/inline:\S+/, 'inline:').replace('192.0.2.2', '127.0.0.1');
  t.equal(withoutKey(sdp), withoutKey(file('freeswitch-savp-answer')));
  t.same(audio.srtp?.remote.master, new Uint8Array(30).fill(7));
  t.match(sdp, Buffer.from(audio.srtp?.local.master ?? []).toString('base64'));
  t.end();
});

t.test("our codec order wins; the offer's own payload types are used", (t) => {
  const pcmaFirst = offer('m=audio 4000 RTP/AVP 8 0 96', 'a=rtpmap:96 telephone-event/8000');
  const { sdp, audio } = agreed(t, mrf('optional').answerOffer(pcmaFirst));
  t.equal(audio.codec, 'PCMU');
  t.same(audio.telephoneEvent, { send: 96, receive: 96 });
  t.same(line(sdp, 'm='), ['m=audio 20184 RTP/AVP 0 96']);
  const dynamic = offer('m=audio 4000 RTP/AVP 97 9', 'a=rtpmap:97 pcma/8000/1');
  t.match(agreed(t, mrf('optional').answerOffer(dynamic)).audio, {
    codec: 'PCMA',
    payloadTypes: { send: 97, receive: 97 },
  });
  const none = agreed(t, mrf('optional').answerOffer(offer('m=audio 4000 RTP/AVP 0')));
  t.equal(none.audio.telephoneEvent, undefined, 'no telephone-event: the peer is left to SIP INFO');
  t.notMatch(none.sdp, /telephone-event/);
  t.end();
});

t.test(
  "the first acceptable crypto line in the offerer's order wins, with its tag and spelling, without MKI and lifetime",
  (t) => {
    const lines = [
      `1 UNKNOWN_SUITE inline:${KEY_30}`,
      '2 AEAD_AES_256_GCM inline:dG9vIHNob3J0',
      `3 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30} UNENCRYPTED_SRTP`,
      `4 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}|2^20|1:4`,
      `5 AEAD_AES_256_GCM inline:${KEY_44}`,
    ];
    const { sdp, audio } = agreed(t, mrf('required').answerOffer(savp(...lines)));
    t.match(line(sdp, 'a=crypto'), [/^a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/]{40}$/]);
    t.equal(audio.srtp?.remote.mkiBytes, 4, 'their packets will carry the MKI that they asked for');
    t.equal(audio.srtp?.local.mkiBytes, 0);
    const alias = `7 AES_CM_256_HMAC_SHA1_80 inline:${Buffer.alloc(46, 1).toString('base64')}`;
    t.match(agreed(t, mrf('required').answerOffer(savp(alias))).sdp, /a=crypto:7 AES_CM_256_HMAC_SHA1_80 inline:/);
    t.equal(
      refused(mrf('required').answerOffer(savp(`1 AES_CM_128_HMAC_SHA1_32 inline:${KEY_30}`))),
      'no-usable-crypto',
    );
    t.end();
  },
);

t.test('RFC 4568 §6.3.7: a session parameter with a minus before it may be left out, any other may not', (t) => {
  for (const [parameters, isUsable] of [
    ['-FUTURE=1', true],
    ['WSH=128 -FUTURE', true],
    ['FUTURE=1', false],
    ['-FUTURE UNAUTHENTICATED_SRTP', false],
  ] as const) {
    const result = mrf('required').answerOffer(savp(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30} ${parameters}`));
    t.equal(refused(result), isUsable ? undefined : 'no-usable-crypto', parameters);
  }
  t.end();
});

t.test('keys of both kinds in one media: SDES where it can be used, else DTLS, never none', (t) => {
  const identity = createDtlsIdentity(0, new Uint8Array(8));
  const dtls = [
    `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
    'a=ice-ufrag:abcd',
    `a=ice-pwd:${'p'.repeat(24)}`,
    'a=rtcp-mux',
    'a=setup:actpass',
  ];
  const both = (profile: string, suite: string) =>
    offer(`m=audio 4000 ${profile} 0`, `a=crypto:1 ${suite} inline:${KEY_30}`, ...dtls);
  const kind = (text: string, secure: SecurePolicy = 'required') => {
    const result = mrf(secure, { identity }).answerOffer(text);
    if ('refused' in result) return result.refused;
    return result.audio.dtls === undefined ? (result.audio.srtp?.suite ?? 'plain') : 'dtls';
  };
  t.equal(kind(both('RTP/SAVP', 'AES_CM_128_HMAC_SHA1_80')), 'AES_CM_128_HMAC_SHA1_80');
  t.equal(kind(both('RTP/SAVPF', 'F8_128_HMAC_SHA1_80')), 'dtls');
  t.equal(kind(both('RTP/SAVPF', 'F8_128_HMAC_SHA1_80'), 'forbidden'), 'secure-forbidden');
  t.equal(kind(both('UDP/TLS/RTP/SAVPF', 'AES_CM_128_HMAC_SHA1_80')), 'dtls');
  t.equal(refused(mrf('required').answerOffer(both('RTP/SAVPF', 'F8_128_HMAC_SHA1_80'))), 'no-usable-crypto');
  t.end();
});

t.test('refusals', (t) => {
  const avpWithCrypto = offer('m=audio 4000 RTP/AVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`);
  const cases: [string, SecurePolicy, string][] = [
    [file('phone-avp-offer'), 'required', 'secure-required'],
    [file('phone-savp-offer'), 'forbidden', 'secure-forbidden'],
    [savp(), 'optional', 'no-usable-crypto'],
    [savp(`1 F8_128_HMAC_SHA1_80 inline:${KEY_30}`), 'optional', 'no-usable-crypto'],
    [avpWithCrypto, 'optional', 'crypto-in-avp'],
    [file('webrtc-offer'), 'required', 'profile'],
    [offer('m=audio 4000 RTP/AVP 9 18'), 'optional', 'no-codec'],
    [offer('m=audio 0 RTP/AVP 0'), 'optional', 'rejected'],
    [offer('m=video 4000 RTP/AVP 0'), 'optional', 'no-audio'],
    [offer(), 'optional', 'no-audio'],
    [offer('m=audio 4000 RTP/AVP 0').replace('c=IN IP4 127.0.0.1', 'c=IN IP4 pbx.example'), 'optional', 'no-address'],
    [offer('m=audio 4000 RTP/AVP 0').replace('c=IN IP4 127.0.0.1', 'c=IN IP4 239.1.2.3/127'), 'optional', 'no-address'],
    [offer('m=audio 4000 RTP/AVP 0').replace('c=IN IP4 127.0.0.1\r\n', ''), 'optional', 'no-address'],
    [offer('m=audio 99999 RTP/AVP 0'), 'optional', 'malformed'],
    ['', 'optional', 'malformed'],
    ['hello', 'optional', 'malformed'],
  ];
  for (const [text, secure, reason] of cases) t.equal(refused(mrf(secure).answerOffer(text)), reason, reason);
  t.end();
});

t.test('two audio lines: the first that the policy takes is used, the other gets port 0', (t) => {
  const secure = ['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`];
  const plain = ['m=audio 4002 RTP/AVP 0'];
  const lines = (policy: SecurePolicy, ...media: string[]) => {
    const { sdp, audio } = agreed(t, mrf(policy).answerOffer(offer(...media)));
    return [...line(sdp, 'm='), audio.srtp === undefined ? 'plain' : 'secure'];
  };
  t.same(lines('optional', ...secure, ...plain), ['m=audio 20184 RTP/SAVP 0', 'm=audio 0 RTP/AVP 19', 'secure']);
  t.same(lines('optional', ...plain, ...secure), ['m=audio 20184 RTP/AVP 0', 'm=audio 0 RTP/SAVP 19', 'plain']);
  t.same(lines('required', ...plain, ...secure), ['m=audio 0 RTP/AVP 19', 'm=audio 20184 RTP/SAVP 0', 'secure']);
  t.same(lines('optional', 'm=video 5000 RTP/AVP 99', ...plain), [
    'm=video 0 RTP/AVP 99',
    'm=audio 20184 RTP/AVP 0',
    'plain',
  ]);
  t.end();
});

t.test('RFC 3264 §6.1: directions, held and taken back; c=0.0.0.0 holds too', (t) => {
  const ms = mrf('optional');
  const answered = (attribute: string, wanted?: 'recvonly') =>
    agreed(t, ms.answerOffer(offer('m=audio 4000 RTP/AVP 0', `a=${attribute}`), wanted)).audio.direction;
  t.equal(answered('sendonly'), 'recvonly');
  t.equal(answered('inactive'), 'inactive');
  t.equal(answered('recvonly'), 'sendonly');
  t.equal(answered('sendrecv'), 'sendrecv');
  t.equal(answered('sendrecv', 'recvonly'), 'recvonly');
  t.equal(answered('recvonly', 'recvonly'), 'inactive');
  const old = offer('m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0');
  t.equal(agreed(t, ms.answerOffer(old)).audio.remote, undefined);
  const session = offer('a=sendonly', 'm=audio 4000 RTP/AVP 0');
  t.match(agreed(t, ms.answerOffer(session)).sdp, /a=recvonly/, 'a session-level direction counts');
  t.end();
});

t.test('keys: kept when theirs are, renewed when theirs are; a refused re-offer changes nothing', (t) => {
  const ms = mrf('required');
  const one = savp(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`);
  const first = agreed(t, ms.answerOffer(one));
  const again = agreed(t, ms.answerOffer(one));
  t.same(again.audio.srtp, first.audio.srtp);
  t.equal(again.sdp, first.sdp, 'nothing changed: the version stands');
  t.equal(refused(ms.answerOffer(file('phone-avp-offer'))), 'secure-required');
  t.equal(ms.localSdp, first.sdp);
  t.equal(ms.audio, again.audio);
  const other = agreed(t, ms.answerOffer(savp(`1 AES_CM_128_HMAC_SHA1_80 inline:${OTHER_30}`)));
  t.notSame(
    other.audio.srtp?.local.master,
    first.audio.srtp?.local.master,
    'another party never gets a key that one before had',
  );
  t.not(line(other.sdp, 'o=')[0], line(first.sdp, 'o=')[0]);
  t.end();
});

t.test(
  '3pcc: our own offer echoed with a=recvonly means no media yet; the next re-INVITE is answered as usual',
  (t) => {
    const ms = mrf('optional');
    const ours = ms.makeOffer();
    t.same(line(ours, 'm='), ['m=audio 20184 RTP/AVP 0 8 101']);
    const echo = agreed(t, ms.acceptAnswer(ours.replace('m=audio', 'a=recvonly\r\nm=audio')));
    t.equal(echo.audio.remote, undefined);
    const { audio } = agreed(t, ms.answerOffer(file('phone-avp-offer')));
    t.same(audio.remote, { host: '127.0.0.1', port: 43735 });
    t.end();
  },
);

t.test('3pcc as FreeSWITCH and drachtio-fsmrf had it: the echo of the trace is known again', (t) => {
  const ms = mrf('optional', { local: { host: '127.0.0.1', port: 20264 } });
  ms.makeOffer();
  t.equal(agreed(t, ms.acceptAnswer(file('fsmrf-3pcc-echo'))).audio.remote, undefined);
  t.end();
});

t.test('3pcc with keys: the key that was offered is the one of the next answer', (t) => {
  const ms = mrf('optional');
  const ours = ms.makeOffer({ secure: true });
  t.same(line(ours, 'm='), ['m=audio 20184 RTP/SAVP 0 8 101']);
  t.equal(line(ours, 'a=crypto').length, 4);
  t.equal(agreed(t, ms.acceptAnswer(ours.replace('m=audio', 'a=recvonly\r\nm=audio'))).audio.srtp, undefined);
  const carrier = agreed(t, ms.answerOffer(savp(`4 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`)));
  t.equal(line(carrier.sdp, 'a=crypto')[0], line(ours, 'a=crypto')[3]);
  const next = agreed(t, ms.answerOffer(savp(`4 AES_CM_128_HMAC_SHA1_80 inline:${OTHER_30}`)));
  t.not(line(next.sdp, 'a=crypto')[0], line(ours, 'a=crypto')[3], 'but never for a second party');
  t.end();
});

t.test('our offer answered: suite, payload types and port 0', (t) => {
  const ms = mrf('required');
  ms.makeOffer();
  t.equal(
    refused(ms.acceptAnswer(savp(`9 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`))),
    'no-usable-crypto',
    'a tag never offered',
  );
  t.equal(refused(ms.acceptAnswer(offer('m=audio 0 RTP/SAVP 0'))), 'rejected');
  t.equal(refused(ms.acceptAnswer(file('phone-avp-offer'))), 'secure-required');
  const answer = savp(`1 AEAD_AES_256_GCM inline:${KEY_44}`).replace(/101/g, '96');
  const { audio } = agreed(t, ms.acceptAnswer(answer));
  t.same(audio.telephoneEvent, { send: 96, receive: 101 });
  t.equal(audio.srtp?.suite, 'AEAD_AES_256_GCM');
  const plain = mrf('optional');
  t.equal(refused(plain.acceptAnswer(answer)), 'malformed', 'an answer to nothing');
  plain.makeOffer();
  t.equal(refused(plain.acceptAnswer(answer)), 'secure-forbidden', 'an answer may not change the profile');
  t.end();
});

t.test('RFC 3261 §13.2.1: a provisional answer holds until the next one, and its keys go on in the final one', (t) => {
  const ms = mrf('required');
  const key = (master: string) => savp(`1 AEAD_AES_256_GCM inline:${master}`);
  ms.makeOffer();
  const early = agreed(t, ms.acceptAnswer(key(KEY_44), true)).audio;
  t.same(early.remote, { host: '127.0.0.1', port: 49450 });
  t.equal(refused(ms.acceptAnswer(savp(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY_30}`), true)), 'no-usable-crypto');
  t.equal(ms.audio, early, 'what cannot be used changes nothing');
  const final = agreed(t, ms.acceptAnswer(key(KEY_44))).audio;
  t.same(final.srtp, early.srtp);
  t.equal(refused(ms.acceptAnswer(key(KEY_44))), 'malformed', 'the offer has had its answer');
  t.end();
});

t.test('two of us agree with each other, whoever offers', (t) => {
  for (const secure of ['required', 'forbidden', 'optional'] as const) {
    const a = mrf(secure);
    const b = mrf(secure, { local: { host: '127.0.0.2', port: 30000 } });
    const answer = agreed(t, b.answerOffer(a.makeOffer()));
    const { audio } = agreed(t, a.acceptAnswer(answer.sdp));
    t.same(audio.srtp?.local, answer.audio.srtp?.remote);
    t.same(audio.srtp?.remote, answer.audio.srtp?.local);
    t.same(audio.remote, { host: '127.0.0.2', port: 30000 });
  }
  t.end();
});

t.test('what is parsed and written again says the same', (t) => {
  for (const name of NAMES) {
    const session = parseSdp(file(name));
    t.ok(session, name);
    if (session) t.same(parseSdp(formatSdp(session)), session);
  }
  const withBareLineFeeds = file('phone-avp-offer').replaceAll('\r', '');
  t.same(parseSdp(withBareLineFeeds), parseSdp(file('phone-avp-offer')));
  t.end();
});

t.test('no text makes the parser or a negotiation throw, nor outlasts its limits', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const corpus = NAMES.map(file);
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(corpus[i % corpus.length] ?? '');
    for (let n = random.below(12); n >= 0; n--) bytes[random.below(bytes.length)] = random.below(256);
    const cut = bytes
      .subarray(random.below(3) === 0 ? random.below(20) : 0, bytes.length - random.below(60))
      .toString('latin1');
    const session = parseSdp(cut);
    if (session) parseSdp(formatSdp(session));
    const ms = mrf('optional');
    ms.answerOffer(cut);
    ms.makeOffer({ secure: random.below(2) === 0 });
    ms.acceptAnswer(cut);
  }
  t.equal(parseSdp(offer('a=x\r\n'.repeat(2000))), undefined);
  t.equal(parseSdp(offer('m=audio 1 RTP/AVP 0\r\n'.repeat(40))), undefined);
  t.equal(parseSdp(offer(`a=${'x'.repeat(40_000)}`)), undefined);
  t.end();
});

t.test('RFC 5761 §5.1.1: rtcp-mux is agreed to when it is offered; RFC 3605: an address for RTCP is kept', (t) => {
  const answered = (...lines: string[]) => {
    const answer = mrf('optional').answerOffer(offer('m=audio 49450 RTP/AVP 0', ...lines));
    return 'refused' in answer ? t.fail(answer.refused) : { rtcp: answer.audio.rtcp, sdp: answer.sdp };
  };
  t.match(answered('a=rtcp-mux'), { rtcp: 'mux', sdp: /^a=rtcp-mux\r$/m });
  t.match(answered('a=rtcp:50001 IN IP4 127.0.0.9'), { rtcp: { host: '127.0.0.9', port: 50_001 } });
  t.match(answered('a=rtcp:50001'), { rtcp: { host: '127.0.0.1', port: 50_001 } });
  for (const none of ['a=rtcp:0', 'a=rtcp:99999', 'a=rtcp:x', 'a=rtcp:50001 IN IP4 224.0.0.1', 'a=ptime:20']) {
    t.match(answered(none), { rtcp: undefined });
  }
  t.end();
});
