// Codecs in offers and answers: Opus and its parameters (RFC 7587), L16 of each rate (RFC 3551), events at the clock of the codec (RFC 4733).
import t from 'tap';
import type { AudioCodec } from '../../src/protocol/sdp/audio.ts';
import { ALL_CODECS, CODECS } from '../../src/protocol/sdp/codecs.ts';
import type { NegotiationOptions } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';

function side(port: number, more: Partial<NegotiationOptions> = {}) {
  const random = (count: number) => new Uint8Array(count);
  const local = { host: '127.0.0.1', port };
  return createAudioNegotiation({ local, sessionId: 1, secure: 'forbidden', random, ...more });
}

function offer(...lines: string[]): string {
  return `${['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...lines].join('\r\n')}\r\n`;
}

function answered(codecs: readonly AudioCodec[], ...lines: string[]) {
  const result = side(20_000, { codecs }).answerOffer(offer(...lines));
  if ('refused' in result) throw new Error(result.refused);
  return result;
}

const BROWSER = [
  'm=audio 9000 RTP/AVP 111 63 9 0 8 13 110 126',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:110 telephone-event/48000',
  'a=rtpmap:126 telephone-event/8000',
];

t.test('Opus is answered with what we can hear, and what the peer asked for is kept', (t) => {
  const { sdp, audio } = answered(['opus', 'PCMU'], ...BROWSER);
  t.match(sdp, /m=audio 20000 RTP\/AVP 111 110\r\na=rtpmap:111 opus\/48000\/2\r\na=fmtp:111 maxplaybackrate=16000;/);
  t.match(sdp, /useinbandfec=1\r\na=rtpmap:110 telephone-event\/48000\r\na=fmtp:110 0-15\r\n/);
  t.match(audio, { codec: 'opus', telephoneEvent: { send: 110 }, eventRate: 48_000, opus: { wantsFec: true } });
  const asked = answered(
    ['opus'],
    'm=audio 9000 RTP/AVP 96',
    'a=rtpmap:96 OPUS/48000/2',
    'a=fmtp:96 maxaveragebitrate=20000; MAXPLAYBACKRATE=8000; cbr=1',
    'a=ptime:50',
  ).audio;
  t.match(asked, {
    payloadTypes: { send: 96, receive: 96 },
    packetMs: 40,
    telephoneEvent: undefined,
    opus: { maxAverageBitrate: 20_000, maxPlaybackRate: 8000, wantsConstantBitrate: true, wantsFec: false },
  });
  t.end();
});

t.test('the configured order says when Opus is spoken, whatever the peer likes best', (t) => {
  t.equal(answered(['PCMU', 'opus'], ...BROWSER).audio.codec, 'PCMU');
  t.equal(answered(['G722', 'opus'], ...BROWSER).audio.codec, 'G722');
  t.equal(answered(['PCMU', 'opus'], ...BROWSER).audio.eventRate, undefined, 'and then events count in 8 kHz');
  t.equal(answered(['PCMU', 'opus'], ...BROWSER).audio.telephoneEvent?.send, 126);
  t.equal(answered(ALL_CODECS, 'm=audio 9000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2').audio.codec, 'opus');
  t.end();
});

const DEFAULTS = { maxPlaybackRate: 48_000, wantsFec: false, wantsConstantBitrate: false, wantsDtx: false };

t.test(
  'a peer that would send and hear stereo in full band is told what we hear; what it says of silence is kept',
  (t) => {
    const stereo = 'a=fmtp:96 stereo=1;sprop-stereo=1;maxplaybackrate=48000;maxaveragebitrate=128000;usedtx=1';
    const lines = ['m=audio 9000 RTP/AVP 96', 'a=rtpmap:96 opus/48000/2', stereo];
    const { sdp, audio } = answered(['opus'], ...lines);
    t.match(
      sdp,
      'a=fmtp:96 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1\r\n',
      'mono is the default',
    );
    t.same(audio.opus, { ...DEFAULTS, wantsDtx: true, maxAverageBitrate: 128_000 });
    t.end();
  },
);

t.test('parameters that make no sense are the defaults of RFC 7587', (t) => {
  for (const text of [
    '',
    'maxplaybackrate=3;maxaveragebitrate=1',
    'maxplaybackrate=x; useinbandfec',
    ';;=;',
    '='.repeat(999),
  ]) {
    const { audio } = answered(['opus'], 'm=audio 9000 RTP/AVP 99', 'a=rtpmap:99 opus/48000/2', `a=fmtp:99 ${text}`);
    t.same(audio.opus, DEFAULTS, text.slice(0, 40));
  }
  t.end();
});

t.test('opus/48000 without its two channels, and other rates, are not Opus (RFC 7587 §7)', (t) => {
  for (const name of ['opus/48000', 'opus/48000/1', 'opus/16000/2']) {
    const lines = ['m=audio 9000 RTP/AVP 111 0', `a=rtpmap:111 ${name}`];
    t.equal(answered(['opus', 'PCMU'], ...lines).audio.codec, 'PCMU', name);
  }
  t.end();
});

t.test('L16 is told apart by its rate; 44.1 kHz has a type of its own; packets fit the network', (t) => {
  const lines = ['m=audio 9000 RTP/AVP 97 98', 'a=rtpmap:97 L16/8000', 'a=rtpmap:98 l16/16000/1'];
  t.match(answered(['L16/16000', 'L16/8000'], ...lines).audio, { codec: 'L16/16000', payloadTypes: { send: 98 } });
  t.match(answered(['L16/8000', 'L16/16000'], ...lines).audio, { codec: 'L16/8000', payloadTypes: { send: 97 } });
  const static44 = answered(ALL_CODECS, 'm=audio 9000 RTP/AVP 11');
  t.match(static44.audio, { codec: 'L16/44100', packetMs: 10 });
  t.match(static44.sdp, /a=rtpmap:11 L16\/44100\r\na=ptime:10\r\n/);
  for (const codec of ALL_CODECS.filter((each) => each.startsWith('L16'))) {
    const { clockRate, packetMs } = CODECS[codec];
    t.ok(Math.max(...packetMs) * (clockRate / 1000) * 2 <= 1400, codec);
  }
  t.end();
});

t.test('two of us agree on every codec, whoever offers, and on what each packet type means', (t) => {
  for (const codec of ALL_CODECS) {
    const [caller, callee] = [side(20_000, { codecs: [codec] }), side(30_000, { codecs: ALL_CODECS })];
    const theirs = callee.answerOffer(caller.makeOffer());
    if ('refused' in theirs) throw new Error(`${codec}: ${theirs.refused}`);
    const ours = caller.acceptAnswer(theirs.sdp);
    if ('refused' in ours) throw new Error(`${codec}: ${ours.refused}`);
    t.equal(ours.audio.codec, codec);
    t.equal(theirs.audio.codec, codec);
    t.equal(ours.audio.payloadTypes.send, theirs.audio.payloadTypes.receive);
    t.equal(ours.audio.payloadTypes.receive, theirs.audio.payloadTypes.send);
    t.equal(ours.audio.telephoneEvent?.receive, theirs.audio.telephoneEvent?.send);
    t.equal(ours.audio.eventRate, theirs.audio.eventRate);
    t.equal(ours.audio.packetMs, theirs.audio.packetMs);
  }
  t.end();
});
