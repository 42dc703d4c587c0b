// Calls that the media server makes itself: `originate`, `bridge`, `loopback`, inline extensions; and audio that it relays (`unicast`).
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { CalledParty } from '../support/called-party.ts';
import { type MediaBench, mediaBench, ON_FREESWITCH, SECRET } from '../support/media-bench.ts';

const UUID = /^\+OK ([0-9a-f-]{36})\n$/;

/** The call that `originate` has made. */
async function originate(bench: MediaBench, args: string): Promise<string> {
  return UUID.exec(await bench.ms.api(`originate ${args}`))?.[1] ?? '';
}

/** Every event of these kinds from now on, as text, when it is asked for. */
async function eventsOf(t: Test, bench: MediaBench, names: string): Promise<() => Promise<string[]>> {
  const socket = connect(bench.server.eventSocket.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes.toString();
  });
  const until = async (pattern: RegExp) => {
    while (!pattern.test(heard)) await once(socket, 'data');
  };
  socket.write(`auth ${SECRET}\n\nevent plain ${names}\n\n`);
  await until(/Reply-Text: \+OK event listener enabled/);
  return async () => {
    socket.write('api eval all-told\n\n');
    await until(/\n\nall-told/);
    return heard.split('text/event-plain').slice(1);
  };
}

/** FreeSWITCH's tables are told a little later. */
async function shown(bench: MediaBench, what: string, pattern: RegExp): Promise<string> {
  for (;;) {
    const table = await bench.ms.api(`show ${what}`);
    if (pattern.test(table)) return table;
    await new Promise(setImmediate);
  }
}

async function gone(bench: MediaBench, uuid: string): Promise<void> {
  while ((await bench.ms.api(`uuid_exists ${uuid}`)) === 'true') await new Promise(setImmediate);
}

t.test('originate calls by SIP with its settings, and runs an application on who answers', async (t) => {
  await using bench = await mediaBench();
  const phone = await bench.phone();
  await using party = await CalledParty.open(phone);
  phone.say(500);
  const settings =
    "{origination_caller_id_name='Front, Desk',origination_caller_id_number=5550100,sip_h_X-Room=4,colour=green}";
  const uuid = await originate(bench, `${settings}${party.url} &echo`);
  t.match(uuid, /-/);
  const { headers } = party.invites[0] ?? {};
  // FreeSWITCH cuts a name at its comma, quoted or not.
  t.match(headers?.get('from'), ON_FREESWITCH ? /^"Front" <sip:5550100@/ : /^"Front, Desk" <sip:5550100@/);
  t.equal(headers?.get('x-room'), '4');
  t.equal(await bench.ms.api(`uuid_getvar ${uuid} colour`), 'green');
  t.match(await shown(bench, 'channels', new RegExp(uuid)), new RegExp(`\\n${uuid},outbound,`));
  await phone.wait(300);
  t.equal(await phone.hearing(500), 500, 'it hears itself');
  await party.until('ACK');
  await bench.ms.api(`uuid_kill ${uuid}`);
  await party.until('BYE');
  await gone(bench, uuid);
});

t.test('&playback sounds, and the call ends after it; &park waits for who bridges', async (t) => {
  await using bench = await mediaBench();
  const [first, second] = [await bench.phone(), await bench.phone()];
  await using one = await CalledParty.open(first);
  await using two = await CalledParty.open(second);
  const played = await originate(bench, `${one.url} &playback(tone_stream://%(600,0,900))`);
  await first.wait(100);
  t.equal(await first.hearing(900), 900);
  await one.until('BYE');
  await gone(bench, played);
  const a = await originate(bench, `{park_after_bridge=true}${one.url} &park`);
  const b = await originate(bench, `${two.url} park inline`);
  t.match(await bench.ms.api(`uuid_bridge ${a} ${b}`), /^\+OK/);
  second.say(700);
  await first.wait(200);
  t.equal(await first.hearing(700), 700);
  await two.hangUp();
  await gone(bench, b);
  t.equal(await bench.ms.api(`uuid_exists ${a}`), 'true', 'waits, for park_after_bridge says so');
  await bench.ms.api(`uuid_transfer ${a} m:^:playback:tone_stream://%(800,0,400)^hangup:USER_BUSY inline`);
  await first.wait(200);
  t.equal(await first.hearing(400), 400);
  await gone(bench, a);
});

t.test(
  'bridge calls the other party for a call that an application controls; it goes on when that hangs up',
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    const far = await bench.phone();
    await using party = await CalledParty.open(far);
    await using busy = await CalledParty.open(undefined, 486);
    far.say(700);
    phone.say(500);
    const bridged = endpoint.execute('bridge', `${busy.url}|${party.url}`);
    await party.until('ACK');
    await phone.wait(200);
    t.equal(await phone.hearing(700), 700);
    t.equal(await far.hearing(500), 500);
    t.same(busy.seen, ['INVITE'], 'the first was busy');
    await shown(bench, 'calls count', /\n1 total/);
    await party.hangUp();
    t.equal((await bridged).getHeader('variable_originate_disposition'), 'SUCCESS');
    const playing = endpoint.play('tone_stream://%(600,0,900)');
    await phone.wait(100);
    t.equal(await phone.hearing(900), 900, 'the call goes on');
    await playing;
    await endpoint.set('continue_on_fail', 'true');
    const failed = await endpoint.execute('bridge', `[leg_timeout=1]${busy.url}`);
    t.equal(failed.getHeader('variable_originate_disposition'), 'USER_BUSY');
  },
);

t.test('who does not answer, and what cannot be called, is told by FreeSWITCH’s cause', async (t) => {
  await using bench = await mediaBench();
  await using ringing = await CalledParty.open(undefined, 180);
  await using missing = await CalledParty.open(undefined, 404);
  t.equal(await bench.ms.api(`originate {originate_timeout=1}${ringing.url} &park`), '-ERR NO_ANSWER\n');
  await ringing.until('CANCEL');
  t.equal(await bench.ms.api(`originate ${missing.url} &park`), '-ERR UNALLOCATED_NUMBER\n');
  const refused: Readonly<Record<string, string>> = {
    'error/USER_BUSY &park': '-ERR USER_BUSY\n',
    'nothing/at-all &park': '-ERR CHAN_NOT_IMPLEMENTED\n',
    'sofia/nobody/sip:a@127.0.0.1 &park': '-ERR INVALID_PROFILE\n',
    'sofia/gateway/nobody/5550100 &park': '-ERR INVALID_GATEWAY\n',
    'user/1001 &park': '-ERR SUBSCRIBER_ABSENT\n',
    'error/USER_BUSY|error/NO_ANSWER &park': '-ERR NO_ANSWER\n',
  };
  for (const [args, reply] of Object.entries(refused)) t.equal(await bench.ms.api(`originate ${args}`), reply, args);
  t.match(await bench.ms.api('originate'), /^-USAGE: <call url> <exten>/);
  t.match(await bench.ms.api('originate error/NONE'), /^-USAGE: /);
  if (ON_FREESWITCH) return;
  t.equal(
    await bench.ms.api('originate sofia/drachtio_mrf/sip:a@192.0.2.1 &park'),
    '-ERR NETWORK_OUT_OF_ORDER\n',
    'loopback alone',
  );
  t.equal(await bench.ms.api(`originate ${ringing.url} 1001`), '-ERR NO_ROUTE_DESTINATION\n', 'no such dialplan');
  t.equal(bench.server.status().calls, 0);
});

t.test('early media: who is heard before it answers has the call, and answers it later', async (t) => {
  await using bench = await mediaBench();
  const [phone, announcer] = [await bench.phone(), await bench.phone()];
  await using ringing = await CalledParty.open(undefined, 180);
  await using party = await CalledParty.open(announcer, 183);
  const events = await eventsOf(t, bench, 'CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_CALLSTATE');
  announcer.say(700);
  const uuid = await originate(bench, `${ringing.url},${party.url} &park`);
  await ringing.until('CANCEL');
  t.match(
    await bench.ms.api(`uuid_dump ${uuid}`),
    /Answer-State: early\n[\s\S]*variable_endpoint_disposition: EARLY%20MEDIA\n/,
  );
  const caller = await CalledParty.open(phone);
  const a = await originate(bench, `${caller.url} &park`);
  await bench.ms.api(`uuid_bridge ${a} ${uuid}`);
  await phone.wait(200);
  t.equal(await phone.hearing(700), 700, 'what is announced is heard');
  party.respond(180);
  party.respond(200);
  await party.until('ACK');
  phone.say(500);
  await phone.wait(200);
  t.equal(await announcer.hearing(500), 500);
  t.equal(await phone.hearing(700), 700, 'the answer changes nothing');
  t.match(await bench.ms.api(`uuid_dump ${uuid}`), /Answer-State: answered\n[\s\S]*endpoint_disposition: ANSWER\n/);
  await party.hangUp();
  await gone(bench, uuid);
  await caller[Symbol.asyncDispose]();
  const told = (await events()).filter((event) => event.includes(`Unique-ID: ${uuid}\n`));
  const names = told.flatMap((event) => /Event-Name: CHANNEL_(\w+)/.exec(event)?.[1] ?? []);
  t.same(names.slice(0, 4), ['PROGRESS_MEDIA', 'CALLSTATE', 'ANSWER', 'CALLSTATE']);
  const states = told.flatMap((event) => /\nChannel-Call-State: (\w+)/.exec(event)?.[1] ?? []);
  // FreeSWITCH tells HANGUP a second time.
  t.same(ON_FREESWITCH ? states.slice(0, 5) : states, ['DOWN', 'EARLY', 'EARLY', 'ACTIVE', 'HANGUP']);
  t.match(told[0], /Caller-Channel-Progress-Media-Time: [1-9]\d+\nCaller-Channel-Hangup-Time: 0/);
});

t.test('early media is ignored where that is asked for; a ring alone goes on where that is asked for', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const [announcer, other] = [await bench.phone(), await bench.phone()];
  await using early = await CalledParty.open(announcer, 183);
  await using later = await CalledParty.open(other, 183);
  await using ringing = await CalledParty.open(undefined, 180);
  announcer.say(700);
  const ignored = originate(bench, `{ignore_early_media=true}${early.url} &park`);
  await early.until('INVITE');
  t.equal(await Promise.race([ignored, phone.wait(200).then(() => 'waits')]), 'waits');
  early.respond(200);
  const answered = await ignored;
  t.match(await bench.ms.api(`uuid_dump ${answered}`), /Answer-State: answered\n/);
  await bench.ms.api(`uuid_kill ${answered}`);
  const rung = await originate(bench, `{return_ring_ready=true}${ringing.url} &park`);
  t.match(await bench.ms.api(`uuid_dump ${rung}`), /Channel-Call-State: RINGING\n[\s\S]*Answer-State: ringing\n/);
  await bench.ms.api(`uuid_kill ${rung} ORIGINATOR_CANCEL`);
  await ringing.until('CANCEL');
  other.say(600);
  const bridged = endpoint.execute('bridge', later.url);
  await later.until('INVITE');
  await phone.wait(300);
  t.equal(await phone.hearing(600), 600, 'the caller hears why, before an answer');
  later.respond(486);
  t.equal((await bridged).getHeader('variable_last_bridge_hangup_cause'), 'USER_BUSY');
  // FreeSWITCH lets go of a caller whose bridge was refused after early media, whatever `hangup_after_bridge` says.
  if (!ON_FREESWITCH) t.equal(await bench.ms.api(`uuid_exists ${endpoint.uuid}`), 'true', 'the caller goes on');
});

t.test('two at once: who answers has the call, the other is let go', async (t) => {
  await using bench = await mediaBench();
  const phone = await bench.phone();
  await using ringing = await CalledParty.open(undefined, 180);
  await using party = await CalledParty.open(phone);
  const uuid = await originate(bench, `${ringing.url},${party.url} &park`);
  await ringing.until('CANCEL');
  t.ok(await shown(bench, 'channels count', /^\n1 total\.\n$/));
  await bench.ms.api(`uuid_kill ${uuid}`);
});

t.test('loopback: a call without a network, whose other end runs an application', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const uuid = await originate(bench, 'loopback/app=echo &park');
  t.match(await bench.ms.api(`uuid_bridge ${endpoint.uuid} ${uuid}`), /^\+OK/);
  phone.say(800);
  await phone.wait(300);
  t.equal(await phone.hearing(800), 800, 'through both channels and back');
  await bench.ms.api(`uuid_kill ${uuid}`);
  await gone(bench, uuid);
  // Both ends of it; FreeSWITCH's was never answered (`echo` does not), and takes who was bridged to it along.
  await shown(bench, 'channels count', ON_FREESWITCH ? /^\n0 total/ : /^\n1 total/);
});

t.test('bgapi originate tells by BACKGROUND_JOB; &socket hands the call to a controller', async (t) => {
  await using bench = await mediaBench();
  const phone = await bench.phone();
  await using party = await CalledParty.open(phone);
  await using missing = await CalledParty.open(undefined, 404);
  const controller = createServer().listen(0, '127.0.0.1');
  await once(controller, 'listening');
  t.teardown(() => controller.close());
  const address = controller.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const events = connect(bench.server.eventSocket.port, '127.0.0.1');
  t.teardown(() => events.destroy());
  let heard = '';
  events.on('data', (bytes) => {
    heard += bytes.toString();
  });
  const until = async (pattern: RegExp) => {
    while (!pattern.test(heard)) await once(events, 'data');
  };
  const connected = once(controller, 'connection');
  const answer = `&socket(127.0.0.1:${port} async full)`;
  events.write(`auth ${SECRET}\n\nevent plain BACKGROUND_JOB\n\n`);
  events.write(`bgapi originate ${missing.url} &park\nJob-UUID: job-1\n\n`);
  events.write(`bgapi originate ${party.url} ${answer}\nJob-UUID: job-2\n\n`);
  await until(/Job-UUID: job-1\n[\s\S]*-ERR UNALLOCATED_NUMBER\n/);
  await until(/Job-UUID: job-2\n[\s\S]*\+OK [0-9a-f-]{36}\n/);
  const [socket] = await connected;
  socket.write('connect\n\n');
  const [data] = await once(socket, 'data');
  t.match(data.toString(), /Call-Direction: outbound\n/, 'it is given the call');
  socket.destroy();
  await party.until('BYE');
});

t.test('xferext runs the applications that a message names, one after the other', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const ended = once(endpoint, 'destroy');
  endpoint.conn.socket.write(
    `sendmsg ${endpoint.uuid}\ncall-command: xferext\napplication: set colour=green\n` +
      'application: playback tone_stream://%(600,0,900)\napplication: hangup USER_BUSY\n\n',
  );
  await phone.wait(100);
  t.equal(await phone.hearing(900), 900);
  t.match(await ended, [{ reason: 'USER_BUSY' }]);
});

t.test('unicast relays raw samples to a port of this machine, and back', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const relay = createSocket('udp4').bind(0, '127.0.0.1');
  const scratch = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(relay, 'listening'), once(scratch, 'listening')]);
  t.teardown(() => relay.close());
  const localPort = scratch.address().port;
  scratch.close();
  phone.say(600);
  // What arrives is given back: the party hears itself.
  relay.on('message', (bytes, { port }) => relay.send(bytes, port, '127.0.0.1'));
  endpoint.conn.socket.write(
    `sendmsg ${endpoint.uuid}\ncall-command: unicast\nlocal-port: ${localPort}\nremote-port: ${relay.address().port}\n\n`,
  );
  const [bytes] = await once(relay, 'message');
  t.equal(bytes.length, 320, '20 ms of 16-bit samples');
  await phone.wait(300);
  t.equal(await phone.hearing(600), 600);
});

t.test(
  'audio goes to no other machine, nor anywhere where that is not allowed; what is not done is refused',
  async (t) => {
    await using bench = await mediaBench();
    await using closed = await mediaBench({ allowsUnicast: false });
    const tried = async (at: MediaBench, headers: string) => {
      const { endpoint } = await at.call();
      const events = connect(at.server.eventSocket.port, '127.0.0.1');
      t.teardown(() => events.destroy());
      let heard = '';
      events.on('data', (bytes) => {
        heard += bytes.toString();
      });
      events.write(`auth ${SECRET}\n\nsendmsg ${endpoint.uuid}\n${headers}\n\n`);
      while (!/accepted\n\n[\s\S]*\n\n/.test(heard)) await once(events, 'data');
      return /accepted\n\n[\s\S]*Reply-Text: (.*)/.exec(heard)?.[1];
    };
    // FreeSWITCH says yes to each, and leaves a line in its log.
    const refused = (reason: RegExp) => (ON_FREESWITCH ? /^\+OK$/ : reason);
    const far = await tried(bench, 'call-command: unicast\nremote-ip: 192.0.2.1');
    t.match(far, refused(/^-ERR unicast goes to addresses of this/));
    t.match(await tried(bench, 'call-command: unicast\ntransport: sctp'), refused(/^-ERR invalid transport/));
    t.match(await tried(bench, 'call-command: nomedia'), refused(/^-ERR nomedia is not done here/));
    t.match(await tried(closed, 'call-command: unicast'), refused(/^-ERR unicast is not allowed here/));
  },
);
