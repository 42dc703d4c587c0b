// Unmodified drachtio-fsmrf 5.0.1 against the embedded media server: endpoints, sound, digits (contract §1 to §3).
import { once } from 'node:events';
import t from 'tap';
import { dominantFrequency, steadyLevel } from '../support/listen.ts';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';
import { wav } from '../support/wav.ts';

t.test('connect: the SIP address comes from `sofia status`, the first heartbeat at once', async (t) => {
  await using bench = await mediaBench();
  t.equal(bench.ms.sip.ipv4.udp.address, `127.0.0.1:${bench.server.sip.port}`);
  // FreeSWITCH's first heartbeat comes when it is due.
  t.equal(bench.ms.maxSessions, ON_FREESWITCH ? 0 : 1000);
  t.match(await bench.ms.api('status'), /^UP 0 years[\s\S]*1000 session\(s\) max/);
  t.equal(await bench.ms.api('nonsense now'), '-ERR nonsense Command not found!\n');
  t.match(await bench.ms.api('conference nobody list count'), /^-ERR Conference nobody not found/);
  t.equal(await bench.ms.api('show channels as json'), '{"row_count": 0}\n');
});

t.test(
  'a tone is heard at its frequency and level, a 16 kHz file at half its rate, a missing file is told',
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    const playing = endpoint.play('tone_stream://%(400,0,440)');
    await phone.wait(100);
    const tone = await phone.listen(200);
    t.equal(dominantFrequency(tone, 8000), 440);
    t.ok(Math.abs(steadyLevel(tone, 440) + 10.14) < 0.5, '-7 dBm0, as FreeSWITCH plays it');
    t.equal((await playing).playbackMilliseconds, '400');
    bench.writeSound('high.wav', wav(16_000, 1000, 600));
    const file = endpoint.play('high.wav');
    await phone.wait(200);
    t.equal(await phone.hearing(1000), 1000);
    t.match(await file, { playbackMilliseconds: '600', playbackLastOffsetPos: '4800' });
    await t.rejects(endpoint.play('nope.wav'), /FILE NOT FOUND|not found/i);
    t.ok(await phone.hearsNothing(), 'a waiting leg is sent silence');
  },
);

t.test('play([a, b]) plays both; uuid_break ends it as FILE PLAYED with what was really played', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const files: string[] = [];
  endpoint.on('playback-start', ({ file }: { file: string }) => files.push(file));
  await endpoint.play(['silence_stream://60', 'tone_stream://%(60,0,500)']);
  t.same(files, ['silence_stream://60', 'tone_stream://%(60,0,500)']);
  const broken = endpoint.play('tone_stream://%(5000,0,440)');
  await phone.wait(200);
  await endpoint.api('uuid_break', endpoint.uuid);
  const { playbackMilliseconds, playbackLastOffsetPos } = await broken;
  t.equal(playbackMilliseconds, '2048', 'a whole block was read');
  t.ok(
    Number(playbackLastOffsetPos) >= 480 && Number(playbackLastOffsetPos) <= 16_384,
    `${playbackLastOffsetPos} samples`,
  );
});

t.test(
  'playCollect: the first digit stops the prompt, the terminator ends the entry, time-outs answer what came',
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    const events: string[] = [];
    endpoint.on('dtmf', ({ dtmf }: { dtmf: string }) => events.push(dtmf));
    const entry = { min: 1, max: 4, tries: 1, timeout: 2000, terminators: '#', digitTimeout: 1500 };
    const first = endpoint.playCollect({ ...entry, file: 'tone_stream://%(5000,0,350)' });
    await phone.wait(100);
    phone.press('1');
    await phone.wait(200);
    t.ok(await phone.hearsNothing(), 'the prompt has stopped');
    phone.press('2');
    phone.press('#');
    t.match(await first, { digits: '12', terminatorUsed: '#' });
    t.same(events, ['1', '2', '#']);
    const second = endpoint.playCollect({ ...entry, file: 'silence_stream://40' });
    phone.press('7');
    t.match(await second, { digits: '7' }, 'the time between digits ran out');
    const refused = endpoint.playCollect({ ...entry, max: 1, file: 'silence_stream://40', regexp: '[1-3]' });
    phone.press('9');
    t.match(await refused, { digits: null, invalidDigits: '9' });
  },
);

t.test('3pcc: no media before the phone is known, then modify brings it; hold and unhold', async (t) => {
  await using bench = await mediaBench();
  const endpoint = await bench.ms.createEndpoint();
  const phone = await bench.phone();
  phone.accept(await endpoint.modify(phone.offer()));
  const loop = endpoint.play('tone_stream://%(3000,0,600)');
  await phone.wait(100);
  t.equal(await phone.hearing(600), 600);
  const states: string[] = [];
  endpoint.on('channelCallState', ({ state }: { state: string }) => states.push(state));
  const held = await endpoint.modify(phone.offer('inactive'));
  t.match(held, /a=inactive/);
  await phone.wait(100);
  t.ok(await phone.hearsNothing(), 'nothing is sent while held');
  phone.accept(await endpoint.modify(phone.offer()));
  await phone.wait(100);
  t.equal(await phone.hearing(600), 600);
  t.same(states, ['HELD', 'UNHELD', 'ACTIVE']);
  await endpoint.api('uuid_break', endpoint.uuid);
  await loop;
});

t.test('a phone with SRTP: through the façade of fsmrf, tones both ways under AES_CM_128 or better', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call('required');
  t.match(endpoint.local.sdp, /m=audio \d+ RTP\/SAVP 0[\s\S]*a=crypto:/);
  const variables = await endpoint.getChannelVariables(true);
  t.match(variables.variable_rtp_secure_media_negotiated, /^AEAD_AES|^AES_/);
  // FreeSWITCH shows its keys (contract §8.1).
  t.equal('variable_rtp_last_audio_local_crypto_key' in variables, ON_FREESWITCH);
  const playing = endpoint.play('tone_stream://%(500,0,700)');
  await phone.wait(120);
  t.equal(await phone.hearing(700), 700);
  await playing;
});

/** Its offer leaves before its dialplan is run, so that a call cannot ask for SAVP (contract §8.1, §8.5). */
const NO_SRTP_OFFER = ON_FREESWITCH && 'FreeSWITCH offers plain audio alone';

t.test(
  '3pcc with SRTP: offered SAVP, and its key stays when the phone is known',
  { skip: NO_SRTP_OFFER },
  async (t) => {
    await using bench = await mediaBench();
    const endpoint = await bench.ms.createEndpoint({ srtp: true });
    const phone = await bench.phone('required');
    const offered = bench.srf.dialogs.values().next().value?.remote.sdp ?? '';
    t.match(offered, /m=audio \d+ RTP\/SAVP 0 8 101/);
    const answer = await endpoint.modify(phone.offer());
    phone.accept(answer);
    const playing = endpoint.play('tone_stream://%(400,0,700)');
    await phone.wait(120);
    t.equal(await phone.hearing(700), 700);
    await playing;
    const key = /inline:(\S+)/.exec(answer)?.[1] ?? 'none';
    t.ok(offered.includes(key), 'the same key again');
  },
);

t.test('SAVP without a usable key is refused with 488; an INVITE that names a far controller gets 404', async (t) => {
  await using bench = await mediaBench();
  const phone = await bench.phone('required');
  const keyless = phone
    .offer()
    .replace(/a=crypto:.*\r\n/g, '')
    .replace('RTP/SAVP', 'RTP/xAVP');
  // FreeSWITCH as well, when its dial plan makes keys mandatory; else it answers with audio port 0 (contract §8.1).
  await t.rejects(bench.ms.createEndpoint({ remoteSdp: keyless }), /Not Acceptable Here/);
  const uri = `sip:drachtio@127.0.0.1:${bench.server.sip.port}`;
  const plain = await bench.phone();
  const far = bench.srf.createUAC(uri, { headers: { 'X-esl-outbound': '192.0.2.9:9999' }, localSdp: plain.offer() });
  await t.rejects(far, /Not Found/);
});

t.test(
  'more packets than a call has are cut, and told: in its variables and in the server’s status',
  { skip: ON_FREESWITCH },
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    await phone.wait(200);
    const frame = new Int16Array(160);
    let flooded = 0;
    // Of what is sent while this machine is busy with something else, its kernel throws most away.
    while (flooded === 0) {
      for (let i = 0; i < 2_000; i++) phone.leg.write(frame);
      const variables = await endpoint.getChannelVariables(true);
      flooded = Number(variables.variable_rtp_audio_in_flood_packet_count);
    }
    t.ok(bench.server.status().packetsFlooded >= flooded);
    const ended = once(endpoint, 'destroy');
    await bench.ms.api(`uuid_kill ${endpoint.uuid}`);
    await ended;
    t.ok(bench.server.status().packetsFlooded >= flooded, 'it is remembered when the call has ended');
  },
);
