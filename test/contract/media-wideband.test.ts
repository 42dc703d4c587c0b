// Phones that speak G.722 through an unmodified drachtio-fsmrf: wideband end to end, to a G.711 phone, prompts, and the recording.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pcmu } from '../../src/kernel/g711.ts';
import { loadOpus } from '../../src/protocol/rtp/opus.ts';
import { dominantFrequency, toneLevel } from '../support/listen.ts';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';

t.test('G.722 is taken from who offers nothing else, and spoken end to end where it is a setting', async (t) => {
  await using bench = await mediaBench();
  const a = await bench.call('required', ['G722']);
  const b = await bench.call('forbidden', ['G722']);
  t.match(a.endpoint.local.sdp, /m=audio \d+ RTP\/SAVP 9 101\r\na=rtpmap:9 G722\/8000/);
  await a.endpoint.bridge(b.endpoint);
  a.phone.say(5200);
  b.phone.say(6100);
  await a.phone.wait(500);
  const [atA, atB] = await Promise.all([a.phone.listen(400), b.phone.listen(400)]);
  t.ok(toneLevel(atB, 16_000, 5200) > -13, '5.2 kHz arrives');
  t.ok(toneLevel(atA, 16_000, 6100) > -13, '6.1 kHz arrives');
  const variables = await a.endpoint.getChannelVariables();
  t.match(variables, { variable_read_codec: 'G722', variable_read_rate: '16000' });
});

t.test('a G.722 phone and a G.711 phone hear each other, and both are in the recording', async (t) => {
  await using bench = await mediaBench();
  const wide = await bench.call('forbidden', ['G722']);
  const narrow = await bench.call('required');
  await wide.endpoint.bridge(narrow.endpoint);
  await wide.endpoint.set('RECORD_STEREO', 'true');
  // What has no header is of 8 kHz; FreeSWITCH writes it as the party speaks unless it is told.
  if (ON_FREESWITCH) await wide.endpoint.set('record_sample_rate', '8000');
  wide.phone.say(600);
  narrow.phone.say(1500);
  await wide.phone.wait(400);
  const path = join(bench.folder, 'mixed-rates.ul');
  await wide.endpoint.execute('record_session', path);
  const [atWide, atNarrow] = await Promise.all([wide.phone.listen(800), narrow.phone.listen(800)]);
  await wide.endpoint.execute('stop_record_session', path);
  t.equal(dominantFrequency(atWide, 16_000), 1500);
  t.equal(dominantFrequency(atNarrow, 8000), 600);
  await wide.phone.wait(100);
  const bytes = readFileSync(path);
  const [left, right] = [0, 1].map((side) => {
    const samples = new Int16Array(bytes.length / 2);
    pcmu.decode(Buffer.from(bytes.filter((_, i) => i % 2 === side)), 0, samples.length, samples, 0);
    return samples;
  });
  t.ok(bytes.length > 9600, `${bytes.length} bytes at 8 kHz`);
  t.equal(dominantFrequency(left ?? new Int16Array(0), 8000), 600, 'left: heard from the phone');
  t.equal(dominantFrequency(right ?? new Int16Array(0), 8000), 1500, 'right: sent to it');
});

t.test('a tone is played to a G.722 phone at its pitch and its length', async (t) => {
  await using bench = await mediaBench({ codecs: ['G722', 'PCMU'] });
  // The order of a FreeSWITCH that runs already is its own.
  const { phone, endpoint } = await bench.call('forbidden', ON_FREESWITCH ? ['G722'] : ['PCMU', 'G722']);
  t.match(endpoint.local.sdp, /RTP\/AVP 9 101/, 'our order wins');
  const [result, heard] = await Promise.all([endpoint.play('tone_stream://%(600,0,4500)'), phone.listen(600)]);
  t.equal(result.playbackMilliseconds, '600');
  t.equal(dominantFrequency(heard.subarray(3200), 16_000), 4500);
  const variables = await endpoint.getChannelVariables();
  if (!ON_FREESWITCH) t.equal(variables.variable_rtp_use_codec_string, 'G722,PCMU');
  const offer = await bench.ms.createEndpoint();
  t.match(offer.local.sdp, ON_FREESWITCH ? /RTP\/AVP 0 8 9 / : /RTP\/AVP 9 0 101/, 'and is what is offered');
});

t.test(
  'Opus and L16 through fsmrf: taken from who offers nothing else, heard both ways, recorded, with digits',
  async (t) => {
    await loadOpus();
    await using bench = await mediaBench();
    const opus = await bench.call('required', ['opus']);
    const linear = await bench.call('forbidden', [ON_FREESWITCH ? 'L16/16000' : 'L16/44100']);
    t.match(opus.endpoint.local.sdp, /RTP\/SAVP 111 110\r\na=rtpmap:111 opus\/48000\/2\r\na=fmtp:111 /);
    const opusVariables = await opus.endpoint.getChannelVariables();
    t.equal(opusVariables.variable_read_codec, 'opus');
    if (!ON_FREESWITCH) {
      t.match(opus.endpoint.local.sdp, 'maxplaybackrate=16000');
      t.match(linear.endpoint.local.sdp, /RTP\/AVP 11 101\r\na=rtpmap:11 L16\/44100\r\n[\s\S]*a=ptime:10\r\n/);
      t.equal(opusVariables.variable_read_rate, '48000');
    }
    t.match(await linear.endpoint.getChannelVariables(), { variable_read_codec: 'L16', variable_dtmf_type: 'rfc2833' });
    const digits: string[] = [];
    opus.endpoint.on('dtmf', ({ dtmf, duration }: { dtmf: string; duration: string }) =>
      digits.push(`${dtmf}/${duration}`),
    );
    opus.phone.press('7');
    for (let waited = 0; digits.length === 0 && waited < 10_000; waited += 100) await opus.phone.wait(100);
    t.same(
      digits,
      ON_FREESWITCH ? ['7/4800'] : ['7/800'],
      'its length is told in 8 kHz; there, by the clock of the codec',
    );
    await opus.endpoint.bridge(linear.endpoint);
    opus.phone.say(5200);
    linear.phone.say(1500);
    await opus.phone.wait(500);
    const path = join(bench.folder, 'opus.wav');
    await opus.endpoint.execute('record_session', path);
    const [atOpus, atLinear] = await Promise.all([opus.phone.listen(600), linear.phone.listen(600)]);
    await opus.endpoint.execute('stop_record_session', path);
    t.ok(toneLevel(atLinear, 16_000, 5200) > -18, `${toneLevel(atLinear, 16_000, 5200).toFixed(1)} dBFS from Opus`);
    // FreeSWITCH hands the other party's timestamps on, of another clock than Opus's own.
    const level = ON_FREESWITCH ? -60 : -18;
    t.ok(toneLevel(atOpus, 16_000, 1500) > level, `${toneLevel(atOpus, 16_000, 1500).toFixed(1)} dBFS into Opus`);
    await opus.phone.wait(100);
    const recorded = readFileSync(path).subarray(44);
    const samples = new Int16Array(
      recorded.buffer.slice(recorded.byteOffset, recorded.byteOffset + (recorded.length & ~1)),
    );
    t.ok(toneLevel(samples, 16_000, 5200) > -22 && toneLevel(samples, 16_000, 1500) > -22, 'both are recorded, wide');
  },
);

t.test('a conference of G.711, G.722 and Opus: each hears the others', async (t) => {
  await loadOpus();
  await using bench = await mediaBench();
  const parties = [
    await bench.call('forbidden', ['PCMU']),
    await bench.call('forbidden', ['G722']),
    await bench.call('forbidden', ['opus']),
  ];
  const tones = [700, 1100, 1900];
  for (const { endpoint } of parties) await endpoint.join('mixed', {});
  for (const [i, { phone }] of parties.entries()) phone.say(tones[i], -18);
  await parties[0]?.phone.wait(1200);
  const heard = await Promise.all(parties.map(({ phone }) => phone.listen(600)));
  for (const [i, samples] of heard.entries()) {
    const rate = parties[i]?.phone.leg.rate ?? 8000;
    for (const [j, hz] of tones.entries()) {
      const level = toneLevel(samples, rate, hz);
      if (i === j) t.ok(level < -35, `${hz} Hz is not heard by who says it: ${level.toFixed(1)}`);
      else t.ok(level > -24, `${hz} Hz at ${level.toFixed(1)} dBFS`);
    }
  }
});
