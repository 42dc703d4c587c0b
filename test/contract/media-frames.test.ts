// What goes over the event socket, frame by frame, beside what FreeSWITCH 1.10.12 said (traces/freeswitch).
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { mediaBench, ON_FREESWITCH, SECRET } from '../support/media-bench.ts';

const trace = (name: string) => readFileSync(new URL(`./traces/freeswitch/${name}`, import.meta.url), 'utf8');

/** Raw bytes of one connection; resolves when `pattern` has come. */
async function session(port: number, text: string, pattern: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.write(text);
  for await (const chunk of socket) {
    heard += String(chunk);
    if (pattern.test(heard)) break;
  }
  socket.destroy();
  return heard;
}

interface Console {
  heard: string;
  say(text: string): void;
  until(pattern: RegExp): Promise<void>;
}

/** A connection that stays, and all that it is told. */
function consoleAt(t: Test, port: number): Console {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const console: Console = {
    heard: '',
    say: (text) => void socket.write(text),
    async until(pattern) {
      while (!pattern.test(console.heard)) await once(socket, 'data');
    },
  };
  socket.on('data', (bytes) => {
    console.heard += String(bytes);
  });
  return console;
}

t.test('inbound: one frame a command, strictly in order, whatever is asked in one breath', async (t) => {
  await using bench = await mediaBench();
  const asked = `auth ${SECRET}\n\nevent json HEARTBEAT\n\nfilter A 50%\n\napi nope\n\nnonsense\n\nbgapi status\n\nsendmsg gone\ncall-command: hangup\n\nexit\n\n`;
  const heard = await session(bench.server.eventSocket.port, asked, /goodbye[\s\S]*cluecon.com\/\n/);
  const replies = heard.match(/Content-Type: (?:auth|api)[^\n]*|Reply-Text: [^\n]*|text\/[a-z-]+/g);
  t.match(replies, [
    'Content-Type: auth/request',
    'Reply-Text: +OK accepted',
    'Reply-Text: +OK event listener enabled json',
    // FreeSWITCH's first heartbeat comes when it is due, and it leaves a `%` as it is.
    ...(ON_FREESWITCH
      ? ['Reply-Text: +OK filter added. [A]=[50%]']
      : ['text/event-json', 'Reply-Text: +OK filter added. [A]=[50%25]']),
    'Content-Type: api/response',
    'Reply-Text: -ERR command not found',
    /Reply-Text: \+OK Job-UUID: [0-9a-f-]{36}/,
    'Reply-Text: -ERR invalid session id [gone]',
    'Reply-Text: +OK bye',
    'text/disconnect-notice',
  ]);
});

t.test(
  'sendevent: an event of the client’s own reaches who asked for it, with its body, and its sender is told',
  async (t) => {
    await using bench = await mediaBench();
    const own = 'sendevent CUSTOM\nEvent-Subclass: ward::told\ncolour: green\ncontent-length: 12\n\n{"text":"x"}';
    const text = `auth ${SECRET}\n\nevent json CUSTOM ward::told\n\n${own}`;
    const heard = await session(
      bench.server.eventSocket.port,
      text,
      /Reply-Text: \+OK [0-9a-f-]{36}[\s\S]*"_body":.*\}/,
    );
    const body: Record<string, unknown> = JSON.parse(/\{"Event-Subclass".*\}/.exec(heard)?.[0] ?? '{}');
    t.match(body, { 'Event-Subclass': 'ward::told', 'Event-Name': 'CUSTOM', colour: 'green', 'Content-Length': '12' });
    t.equal(body._body, '{"text":"x"}');
  },
);

t.test('a wrong password is told so and the door closed', async (t) => {
  await using bench = await mediaBench();
  const heard = await session(bench.server.eventSocket.port, 'auth nobody-knows-it\n\napi status\n\n', /never/);
  t.match(heard, /Reply-Text: -ERR invalid\n\nContent-Type: text\/disconnect-notice\n[\s\S]*cluecon.com\/\n$/);
  t.notMatch(heard, /session\(s\)/);
});

t.test('commands have no case, need what they are about, and are answered also before a fault', async (t) => {
  await using bench = await mediaBench();
  const { port } = bench.server.eventSocket;
  const asked = `exit\n\n`;
  t.match(await session(port, asked, /goodbye/), /Reply-Text: \+OK bye/, 'who is not known may go');
  const odd = `AUTH ${SECRET}\n\nauth ${SECRET}\n\napi\n\nbgapi\n\nfilter\n\nApi echo x\n\napi echo y\ncontent-length: zz\n\nExit\n\n`;
  const replies = (await session(port, odd, /goodbye/)).match(/Reply-Text: [^\n]*|Length: 1\n\n./g);
  const none = 'Reply-Text: -ERR command not found';
  const answers = ['Length: 1\n\nx', 'Length: 1\n\ny', 'Reply-Text: +OK bye'];
  t.same(replies, ['Reply-Text: +OK accepted', none, none, none, none, ...answers]);
  const broken = `auth ${SECRET}\n\napi echo x\n\nsendmsg\ncontent-length: 9999999\n\n`;
  t.match(await session(port, broken, /Length: 1\n\nx/), /accepted[\s\S]*Length: 1\n\nx/);
});

t.test('log sends the log’s lines up to a level, calls come and go in it, and nobody is named', async (t) => {
  await using bench = await mediaBench();
  const console = consoleAt(t, bench.server.eventSocket.port);
  const { until } = console;
  console.say(`auth ${SECRET}\n\nlog nonsense\n\nlog debug\n\n`);
  await until(/-ERR invalid log level[\s\S]*\+OK log level debug \[7\]/);
  const { endpoint } = await bench.call();
  await endpoint.set('name', 'Pat Doe');
  await endpoint.destroy();
  const uuid = endpoint.uuid;
  await until(new RegExp(`User-Data: ${uuid}\\n\\n[^\\n]*\\[NOTICE\\] [^\\n]*Hangup [^\\n]*\\[NORMAL_CLEARING\\]`));
  t.match(console.heard, /Content-Type: log\/data\nContent-Length: \d+\nLog-Level: 5\nText-Channel: \d\nLog-File: /);
  t.match(console.heard, /\[NOTICE\] [^\n]*New Channel/);
  t.match(console.heard, /\[DEBUG\] [^\n]*execute [^\n]*set/i);
  if (!ON_FREESWITCH) t.notMatch(console.heard, /Pat Doe/);
  console.heard = '';
  console.say('log 3\n\napi log info another\n\napi log err one line\n\n');
  await until(/Log-Level: 3\n[\s\S]*\[ERR\] [^\n]*one line\n/);
  console.say('nolog\n\napi log err a third\n\n');
  await until(/no longer logging[\s\S]*\+OK\n$/);
  t.notMatch(console.heard, /another|a third/);
});

t.test('a call’s events from its INVITE until it waits come in FreeSWITCH’s order', async (t) => {
  await using bench = await mediaBench();
  const { port } = bench.server.eventSocket;
  const names = 'CREATE CALLSTATE EXECUTE EXECUTE_COMPLETE PROGRESS_MEDIA ANSWER PARK'
    .split(' ')
    .map((each) => `CHANNEL_${each}`);
  const console = consoleAt(t, port);
  console.say(`auth ${SECRET}\n\nevent json ${names.join(' ')}\n\n`);
  await console.until(/listener enabled json/);
  await bench.call();
  await console.until(/"Event-Name":"CHANNEL_PARK".*\}/);
  const events = (console.heard.match(/\{"Event-Name".*?\}/g) ?? []).map(
    (text): Record<string, string> => JSON.parse(text),
  );
  const told = events.map((event) => {
    const what = [event['Event-Name'], event.Application, event['Channel-Call-State'], event['Answer-State']];
    return what
      .filter((word) => word !== undefined)
      .join(' ')
      .replace('CHANNEL_', '');
  });
  const set = ['EXECUTE set ACTIVE answered', 'EXECUTE_COMPLETE set ACTIVE answered'];
  t.same(told, [
    ...['CREATE DOWN ringing', 'CALLSTATE RINGING ringing', 'EXECUTE answer RINGING ringing'],
    ...['PROGRESS_MEDIA RINGING early', 'CALLSTATE EARLY early', 'ANSWER EARLY answered', 'CALLSTATE ACTIVE answered'],
    ...['EXECUTE_COMPLETE answer ACTIVE answered', ...set, ...set, ...set, ...set],
    ...['EXECUTE socket ACTIVE answered', 'PARK ACTIVE answered'],
  ]);
});

t.test('sofia status is laid out as FreeSWITCH lays it out; HEARTBEAT has its fields', async (t) => {
  await using bench = await mediaBench();
  const ours = await bench.ms.api('sofia status');
  const shape = (text: string) => text.replace(/ *sip:mod_sofia@[\d.:]+/, ' URI');
  t.equal(shape(ours), shape(trace('sofia-status.txt')));
  const text = `auth ${SECRET}\n\nevent json HEARTBEAT\n\n`;
  const heard = await session(bench.server.eventSocket.port, text, /"Idle-CPU":"[^"]*"\}/);
  const body = /\{"Event-Name".*\}/.exec(heard)?.[0] ?? '{}';
  t.same(Object.keys(JSON.parse(body)), Object.keys(JSON.parse(trace('heartbeat.json'))));
});

t.test('CHANNEL_DATA has FreeSWITCH’s headers, each decodable, keys of SRTP excepted', async (t) => {
  await using bench = await mediaBench();
  const { endpoint } = await bench.call();
  const info = endpoint.conn as unknown as { getInfo(): { headers: { name: string; value: string }[] } };
  const ours = new Set(info.getInfo().headers.map(({ name }) => name));
  const theirs = trace('channel-data.txt')
    .split('\n')
    .map((line) => line.split(': ')[0] ?? '')
    .filter((name) => name !== '');
  t.same(
    theirs.filter((name) => !ours.has(name)),
    // What there is nothing of: the dialplan's own pattern match; the SSRC is the audio leg's own business.
    ON_FREESWITCH ? ['variable_DP_MATCH'] : ['variable_DP_MATCH', 'variable_rtp_use_ssrc'],
  );
});

t.test('a command’s answer comes before what it causes, on the socket it was asked on', async (t) => {
  await using bench = await mediaBench();
  const [a, b] = [await bench.call(), await bench.call()];
  const order: string[] = [];
  const left = new Promise<void>((resolve) => {
    a.endpoint.conn.on('esl::event::CHANNEL_EXECUTE_COMPLETE::*', () => {
      order.push('socket left');
      resolve();
    });
  });
  a.endpoint.conn.on('esl::event::api::response', () => order.push('answer'));
  const bridged = await a.endpoint.api('uuid_bridge', `${a.endpoint.uuid} ${b.endpoint.uuid}`);
  t.equal(bridged.getBody(), `+OK ${b.endpoint.uuid}\n`);
  await left;
  const ended = new Promise((resolve) => a.endpoint.once('destroy', resolve));
  t.equal((await a.endpoint.api('uuid_kill', a.endpoint.uuid)).getBody(), '+OK\n');
  // FreeSWITCH closes the socket before CALLSTATE is told (contract §6.4).
  if (ON_FREESWITCH) t.equal(await ended, undefined);
  else t.match(await ended, { reason: 'NORMAL_CLEARING' });
  t.same(order, ['answer', 'socket left', 'answer']);
});

t.test('events carry the headers that FreeSWITCH’s carry', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const seen = new Map<string, Set<string>>();
  endpoint.conn.on('esl::event::*::*', (event: { headers: { name: string }[]; type?: string }) => {
    const headers = event.headers as unknown as { name: string; value: string }[];
    const name = headers.find((header) => header.name === 'Event-Name')?.value;
    if (name !== undefined && !seen.has(name)) seen.set(name, new Set(headers.map((header) => header.name)));
  });
  const playing = endpoint.play('tone_stream://%(300,0,440)');
  phone.press('5');
  await playing;
  const closed = new Promise((resolve) => endpoint.conn.once('esl::end', resolve));
  await endpoint.dialog.destroy();
  await closed;
  const lacking = trace('events.jsonl')
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
    .flatMap((theirs) => {
      const ours = seen.get(String(theirs['Event-Name'])) ?? new Set();
      return Object.keys(theirs)
        .filter((name) => !ours.has(name) && !name.startsWith('variable_') && !TRANSFER_ONLY.includes(name))
        .map((name) => `${theirs['Event-Name']}: ${name}`);
    });
  t.same(lacking, []);
});

/** The traced hang-up came after a bridge and a transfer. */
const TRANSFER_ONLY = ['Caller-Callee-ID-Name', 'Caller-Transfer-Source'];
