// The event socket's codec: commands whatever way they are cut, headers that no client can choke on, subscriptions and filters.
import t from 'tap';
import { localLegs } from '../../src/engine/media-server/audio/legs.ts';
import { Channels } from '../../src/engine/media-server/channel/channels.ts';
import { Conferences } from '../../src/engine/media-server/conference/conferences.ts';
import { EventSocket } from '../../src/engine/media-server/event-socket/event-socket.ts';
import { EventHub } from '../../src/engine/media-server/host/event-hub.ts';
import { Dialer } from '../../src/engine/media-server/originate/dialer.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import type { TcpConnection } from '../../src/engine/runtime/tcp-server.ts';
import { expand, splitAssignments, splitWords, takeBraces } from '../../src/protocol/event-socket/arguments.ts';
import { CommandReader, MAX_COMMAND_BYTES } from '../../src/protocol/event-socket/command-reader.ts';
import {
  encodeApiResponse,
  encodeChannelData,
  encodeEvent,
  encodeReply,
  encodeValue,
} from '../../src/protocol/event-socket/frame.ts';
import { Subscription } from '../../src/protocol/event-socket/subscription.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { mediaHost } from '../support/media-host.ts';
import { seeded } from '../support/seeded.ts';

const SESSION = Buffer.from(
  [
    'auth secret\n\n',
    'event json CHANNEL_EXECUTE CUSTOM x::y\n\n\n',
    'sendmsg 1f2e\nexecute-app-name: playback\nExecute-App-Arg: a b: c\ncall-command: execute\nEvent-UUID: 77\n\n',
    'sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-length: 6\n\na=\u00fcb\n',
    'api  status \r\n\r\n',
    'exit\n\n',
  ].join(''),
);

t.test('commands come out the same wherever the bytes are cut', (t) => {
  const whole = new CommandReader().push(SESSION);
  t.match(whole, [
    { name: 'auth', args: 'secret' },
    { name: 'event', args: 'json CHANNEL_EXECUTE CUSTOM x::y' },
    { name: 'sendmsg', args: '1f2e' },
    { name: 'sendmsg', args: '', body: 'a=\u00fcb\n' },
    { name: 'api', args: 'status' },
    { name: 'exit' },
  ]);
  t.same(
    [...(whole[2]?.headers ?? [])],
    [
      ['execute-app-name', 'playback'],
      ['execute-app-arg', 'a b: c'],
      ['call-command', 'execute'],
      ['event-uuid', '77'],
    ],
  );
  for (let cut = 1; cut < SESSION.length; cut++) {
    const reader = new CommandReader();
    const parts = [reader.push(SESSION.subarray(0, cut)), reader.push(SESSION.subarray(cut))];
    t.same(parts.flat(), whole, `cut at ${cut}`);
  }
  t.end();
});

t.test('noise and a command without end never throw; the limit is a fault, and stays one', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (let i = 0; i < 200; i++) new CommandReader().push(random.bytes(random.below(400)));
  const reader = new CommandReader();
  reader.push(Buffer.alloc(MAX_COMMAND_BYTES + 1, 'a'));
  t.equal(reader.isBroken, true);
  t.same(reader.push(Buffer.from('\n\nexit\n\n')), []);
  const announced = new CommandReader();
  t.match(announced.push(Buffer.from('api status\n\nsendmsg\ncontent-length: 99999999\n\n')), [{ name: 'api' }]);
  t.equal(announced.isBroken, true, 'what came before it is told all the same');
  t.match(new CommandReader().push(Buffer.from('sendmsg\ncontent-length: zz\n\nexit\n\n')), [
    { name: 'sendmsg', body: '' },
    { name: 'exit' },
  ]);
  t.end();
});

t.test('a header value is decoded to itself by a client that decodes without a guard', (t) => {
  const values = [
    'a b',
    '50%',
    '%E4',
    '%',
    'sip:x@[::1]:5060;a=b?c#d',
    'M\u00fcller \u260e\u{1f4de}',
    'v=0\r\na=b\r\n',
    '\ud800',
  ];
  for (const value of values) t.equal(decodeURIComponent(encodeValue(value)), value.toWellFormed());
  t.equal(encodeValue("a-z/,()!'*$._~"), "a-z/,()!'*$._~", 'these stay as FreeSWITCH leaves them');
  t.equal(encodeValue('a: b'), 'a%3A%20b');
  t.equal(encodeValue(''), '_undef_');
  const block = encodeChannelData(new Map([['variable_x', '%E9\n']]));
  t.equal(block.split('\n')[0], 'variable_x: %25E9%0A');
  t.ok(block.endsWith('Reply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n'));
  t.end();
});

t.test('a reply is one frame on one line, whatever it quotes', (t) => {
  t.equal(encodeReply('+OK'), 'Content-Type: command/reply\nReply-Text: +OK\n\n');
  t.equal(encodeReply('-ERR [%E4]\n\nx'), 'Content-Type: command/reply\nReply-Text: -ERR [%25E4] x\n\n');
  t.equal(encodeApiResponse(''), 'Content-Type: api/response\nContent-Length: 14\n\n-ERR no reply\n');
  t.equal(encodeApiResponse('\u00fc'), 'Content-Type: api/response\nContent-Length: 2\n\n\u00fc');
  t.end();
});

t.test('an event is one flat JSON object whose length is counted in bytes', (t) => {
  const frame = encodeEvent(
    new Map<string, string | string[]>([
      ['Event-Name', 'X'],
      ['a', ['\u00fc', '2']],
    ]),
    'json',
  );
  const [head = '', body = ''] = frame.split('\n\n');
  t.equal(head, `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json`);
  t.same(JSON.parse(body), { 'Event-Name': 'X', a: ['\u00fc', '2'] });
  t.end();
});

t.test('plain and XML events carry the same headers, and the body behind them', (t) => {
  const fields = new Map([
    ['Event-Name', 'X'],
    ['a', '1 & 2'],
    ['_body', 'so <it> is'],
  ]);
  const plain = 'Event-Name: X\na: 1%20%26%202\nContent-Length: 10\n\nso <it> is';
  t.equal(encodeEvent(fields, 'plain'), `Content-Length: ${plain.length}\nContent-Type: text/event-plain\n\n${plain}`);
  const xml = encodeEvent(fields, 'xml').split('\n\n')[1];
  t.match(
    xml,
    /^<event>\n {2}<headers>\n {4}<Event-Name>X<\/Event-Name>[\s\S]*<Content-Length>10<[\s\S]*<body>so &lt;it&gt; is<\/body>/,
  );
  t.end();
});

t.test('a filter in slashes is an expression; one that is broken finds nothing', (t) => {
  const subscription = new Subscription();
  subscription.addFilter('Caller', '/^10[0-9]+$/');
  t.ok(subscription.passes(new Map([['Caller', '1001']])));
  t.notOk(subscription.passes(new Map([['Caller', '2001']])));
  const broken = new Subscription();
  broken.addFilter('Caller', '/(/');
  t.notOk(broken.passes(new Map([['Caller', '(']])));
  t.end();
});

t.test('subscriptions add up; after CUSTOM all words are subclasses; filters choose and veto', (t) => {
  const subscription = new Subscription();
  subscription.add(['SWITCH_EVENT_PLAYBACK_START', 'dtmf']);
  subscription.add(['CUSTOM', 'x::y', 'BACKGROUND_JOB']);
  t.ok(subscription.hears('PLAYBACK_START'));
  t.ok(subscription.hears('DTMF'));
  t.ok(subscription.hears('CUSTOM', 'x::y'));
  t.notOk(subscription.hears('CUSTOM', 'x::z'));
  t.notOk(subscription.hears('BACKGROUND_JOB'), 'it is a subclass there');
  const [one, two] = [new Map([['Unique-ID', 'one']]), new Map([['Unique-ID', 'two']])];
  t.ok(subscription.passes(one), 'no filter: all of it');
  subscription.addFilter('Unique-ID', 'ONE');
  t.ok(subscription.passes(one));
  t.notOk(subscription.passes(two));
  t.notOk(subscription.passes(new Map()), 'an event without the header is dropped');
  subscription.addFilter('Unique-ID', '-one');
  t.notOk(subscription.passes(one));
  t.end();
});

t.test('arguments: quoted words, lists by a chosen separator, braces, and variables put in place', (t) => {
  t.same(splitWords("1 2 'a b' \\d+ "), ['1', '2', 'a b', '\\d+']);
  t.same(splitAssignments('^^^a=1^b=x y'), [
    { name: 'a', value: '1' },
    { name: 'b', value: 'x y' },
  ]);
  t.same(takeBraces('/x.ul +30 {RECORD_STEREO=true,a=b}'), {
    rest: '/x.ul +30',
    variables: [
      { name: 'RECORD_STEREO', value: 'true' },
      { name: 'a', value: 'b' },
    ],
  });
  t.equal(
    expand(['x', '{a}y', '{gone}z'].join('$'), (name) => (name === 'a' ? '1' : undefined)),
    'x1yz',
  );
  t.end();
});

t.test('who says nothing is let go of after 25 seconds; who has said who he is may be silent', (t) => {
  const clock = new ManualClock();
  const silent = socketOn(clock);
  const known = socketOn(clock);
  known.onData?.(Buffer.from('auth secret\n\n'));
  clock.advance(24_900);
  t.equal(silent.isDestroyed(), false);
  clock.advance(200);
  t.equal(silent.isDestroyed(), true);
  clock.advance(3_600_000);
  t.equal(known.isDestroyed(), false);
  t.end();
});

function socketOn(clock: ManualClock): TcpConnection & { isDestroyed(): boolean } {
  let isDestroyed = false;
  const place = { host: '127.0.0.1', port: 1 };
  const connection: TcpConnection & { isDestroyed(): boolean } = {
    local: place,
    remote: place,
    isOpen: true,
    waitingBytes: 0,
    onData: undefined,
    onClose: undefined,
    write: () => undefined,
    end: () => undefined,
    destroy() {
      isDestroyed = true;
    },
    isDestroyed: () => isDestroyed,
  };
  const host = mediaHost(clock);
  const hub = new EventHub(host);
  const channels = new Channels(clock);
  const conferences = new Conferences(host, hub);
  const ignore = () => undefined;
  const events = { onRequest: ignore, onCancel: ignore, onAck: ignore, onStrayResponse: ignore, onFault: ignore };
  const ports = createMediaPorts({ address: '127.0.0.1', first: 0, last: 0, clock });
  const legs = localLegs(ports, clock, host.random);
  const context = { host, hub, channels, conferences, sipAddress: 'x' };
  const stack = createSipStack(events, { clock });
  const dialer = new Dialer({ ...context, legs, stack, onDialog: ignore, onOver: ignore });
  new EventSocket({ ...context, dialer, connection, secret: 'secret' });
  return connection;
}
