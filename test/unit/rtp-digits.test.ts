// RFC 4733: one report a press, whatever is lost, repeated or late on the way.
import t from 'tap';
import { DigitReceiver, DigitSender } from '../../src/protocol/rtp/telephone-event.ts';
import { seeded } from '../support/seeded.ts';

interface Sent {
  readonly payload: Uint8Array;
  readonly timestamp: number;
  readonly isFirst: boolean;
}

/** The event packets of `digits`, one array entry a step; undefined where the step is left to audio. */
function send(digits: string, ms: number, steps: number, start = 1000): (Sent | undefined)[] {
  const sender = new DigitSender();
  for (const digit of digits) sender.enqueue(digit, ms);
  return Array.from({ length: steps }, (_, step) => {
    const payload = new Uint8Array(4);
    if (!sender.step(payload, 0, (start + step * 160) >>> 0)) return undefined;
    return { payload, timestamp: sender.timestamp, isFirst: sender.isFirst };
  });
}

function receiver() {
  const pressed: [string, number][] = [];
  return { pressed, receive: new DigitReceiver((digit, ticks) => pressed.push([digit, ticks])) };
}

function deliver(steps: readonly (Sent | undefined)[]): [string, number][] {
  const { pressed, receive } = receiver();
  for (const sent of steps) {
    if (sent) receive.handle(sent.payload, 0, 4, sent.timestamp);
    receive.step();
  }
  return pressed;
}

t.test('a digit goes out with a marker first, a rising duration, one timestamp, and three ends', (t) => {
  const packets = send('5', 100, 20).filter((sent) => sent !== undefined);
  t.same(
    packets.map(({ payload }) => [payload[0], (payload[1] ?? 0) & 0x80, ((payload[2] ?? 0) << 8) | (payload[3] ?? 0)]),
    [
      [5, 0, 160],
      [5, 0, 320],
      [5, 0, 480],
      [5, 0, 640],
      [5, 0x80, 800],
      [5, 0x80, 800],
      [5, 0x80, 800],
    ],
  );
  t.same(
    packets.map(({ isFirst }) => isFirst),
    [true, false, false, false, false, false, false],
  );
  t.ok(packets.every(({ timestamp }) => timestamp === 1000));
  t.end();
});

t.test('every digit arrives once with its length, over a wrap of the timestamp too', (t) => {
  const digits = '0123456789*#ABCD';
  const steps = send(digits, 120, 300, 0xffffff00);
  t.same(
    deliver(steps),
    [...digits].map((digit) => [digit, 960]),
  );
  t.same(
    deliver(send('55', 100, 40)),
    [
      ['5', 800],
      ['5', 800],
    ],
    'the same digit twice',
  );
  t.end();
});

t.test('lost ends: the press is over when the next begins, or after 200 ms', (t) => {
  const withoutEnds = send('12', 100, 60).map((sent) => (sent && (sent.payload[1] ?? 0) >= 0x80 ? undefined : sent));
  t.same(deliver(withoutEnds), [
    ['1', 640],
    ['2', 640],
  ]);
  const one = send('7', 100, 20);
  t.same(deliver(one.map((sent, i) => (i === 6 ? sent : undefined))), [['7', 800]], 'the last end alone is enough');
  t.same(deliver(one.map((sent, i) => (i < 5 ? sent : undefined))), [['7', 800]], 'and the first end too');
  t.end();
});

t.test('late and repeated packets of a press that was reported are no new press', (t) => {
  const { pressed, receive } = receiver();
  const packets = send('8', 100, 20).filter((sent) => sent !== undefined);
  const [first] = packets;
  for (const sent of [...packets, ...packets]) receive.handle(sent.payload, 0, 4, sent.timestamp);
  for (const sent of send('9', 100, 20, 9000)) if (sent) receive.handle(sent.payload, 0, 4, sent.timestamp);
  if (first) receive.handle(first.payload, 0, 4, first.timestamp);
  for (let i = 0; i < 50; i++) receive.step();
  t.same(pressed, [
    ['8', 800],
    ['9', 800],
  ]);
  t.end();
});

t.test('RFC 4733 §2.5.1.3: a press of 20 s in three segments is one digit', (t) => {
  const { pressed, receive } = receiver();
  const packet = (ticks: number, isEnd: boolean) => Uint8Array.of(3, isEnd ? 0x8a : 0x0a, ticks >> 8, ticks & 0xff);
  let timestamp = 4_294_900_000;
  for (let segment = 0; segment < 2; segment++) {
    for (let ticks = 400; ticks < 0xffff; ticks += 400) receive.handle(packet(ticks, false), 0, 4, timestamp);
    receive.handle(packet(0xffff, false), 0, 4, timestamp);
    timestamp = (timestamp + 0xffff) >>> 0;
  }
  receive.handle(packet(28_930, false), 0, 4, timestamp);
  t.same(pressed, [], 'not before it ends');
  for (let i = 0; i < 3; i++) receive.handle(packet(28_930, true), 0, 4, timestamp);
  t.same(pressed, [['3', 160_000]]);
  t.end();
});

t.test('a long press with 300 ms lost in it is one digit, at 8 and at 48 kHz, wherever they were lost', (t) => {
  for (const clockRate of [8000, 48_000]) {
    for (let lostAt = 10; lostAt < 380; lostAt += 7) {
      const sender = new DigitSender();
      const told: string[] = [];
      const receiver = new DigitReceiver((digit) => told.push(digit));
      sender.clockRate = clockRate;
      receiver.clockRate = clockRate;
      sender.enqueue('5', 8_000);
      let step = 0;
      for (; !sender.isIdle; step++) {
        const payload = new Uint8Array(4);
        const isSaid = sender.step(payload, 0, (step * clockRate) / 50);
        if (isSaid && (step < lostAt || step >= lostAt + 15)) receiver.handle(payload, 0, 4, sender.timestamp);
        receiver.step();
      }
      sender.enqueue('5', 100);
      for (let more = 0; more < 30; more++, step++) {
        const payload = new Uint8Array(4);
        if (sender.step(payload, 0, (step * clockRate) / 50)) receiver.handle(payload, 0, 4, sender.timestamp);
        receiver.step();
      }
      if (told.join('') !== '55') t.fail(`${told.join('')} at ${clockRate} Hz with a loss from step ${lostAt} on`);
    }
  }
  t.pass('once, and the next press of the same key is another one');
  t.end();
});

t.test('the queue is bounded, and what is no digit is not sent', (t) => {
  const sender = new DigitSender();
  t.notOk(sender.enqueue('', 100));
  t.notOk(sender.enqueue('12', 100));
  t.notOk(sender.enqueue('E', 100));
  t.notOk(sender.enqueue('1', Number.NaN));
  let taken = 0;
  while (sender.enqueue('1', 100)) taken++;
  t.equal(taken, 128);
  t.end();
});

t.test(
  'a third of all packets lost, doubled or swapped: no digit twice, none invented, none missed of which anything came; any bytes: nothing thrown',
  (t) => {
    const random = seeded();
    t.comment(`seed ${random.seed}`);
    const starts = [...new Set(send('4711', 160, 80).flatMap((sent) => sent?.timestamp ?? []))];
    for (let round = 0; round < 200; round++) {
      const steps = send('4711', 160, 80).map((sent) => (random.below(3) === 0 ? undefined : sent));
      for (let i = 1; i < steps.length; i++) {
        if (random.below(5) === 0 && steps[i] && steps[i - 1]) [steps[i - 1], steps[i]] = [steps[i], steps[i - 1]];
      }
      const heard = deliver(steps.flatMap((sent) => (random.below(4) === 0 ? [sent, sent] : [sent])));
      const came = '4711'.split('').filter((_, n) => steps.some((sent) => sent?.timestamp === starts[n]));
      t.equal(heard.map(([digit]) => digit).join(''), came.join(''));
    }
    const { receive } = receiver();
    for (let i = 0; i < 5000; i++) {
      const bytes = random.bytes(random.below(8));
      receive.handle(bytes, 0, bytes.length, random.below(0xffffffff));
      receive.step();
    }
    t.end();
  },
);
