// The four transaction machines in virtual time, over unreliable and reliable transports (RFC 3261 §17, RFC 6026).
import t from 'tap';
import type { Instant } from '../../src/kernel/clock.ts';
import type { Effect, TransactionInput, TransactionTable } from '../../src/protocol/sip/transaction/machine.ts';
import {
  inviteClient,
  inviteServer,
  nonInviteClient,
  nonInviteServer,
} from '../../src/protocol/sip/transaction/tables.ts';
import { Transaction } from '../../src/protocol/sip/transaction/transaction.ts';

type Transport = 'udp' | 'tcp';

/** A transaction and its clock; `log` holds `time effect` lines. */
function bench(table: TransactionTable, transport: Transport) {
  const machine = new Transaction(table, transport !== 'udp');
  const log: string[] = [];
  let now = 0;
  const note = (effects: readonly Effect[] = []) => log.push(...effects.map((effect) => `${now} ${effect}`));
  return {
    machine,
    log,
    feed(...inputs: TransactionInput[]) {
      for (const input of inputs) note(machine.handle(input, now as Instant));
      return machine.state;
    },
    advance(ms: number) {
      const end = now + ms;
      for (let next = machine.nextWake(); next !== undefined && next <= end; next = machine.nextWake()) {
        now = next;
        note(machine.wake(next));
      }
      now = end;
      return machine.state;
    },
    times: (effect: Effect) =>
      log.filter((line) => line.endsWith(` ${effect}`)).map((line) => Number(line.split(' ')[0])),
  };
}

t.test('RFC 3261 §17.1.1.2: over UDP an INVITE is resent from T1, doubling, until timer B', async (t) => {
  const { feed, advance, times } = bench(inviteClient, 'udp');
  feed('request');
  t.equal(advance(32_000), 'terminated');
  t.strictSame(times('resend'), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
  t.strictSame(times('report-timeout'), [32_000]);
});

t.test('RFC 3261 §17.1.1.2: over TCP an INVITE is sent once', async (t) => {
  const { feed, advance, log } = bench(inviteClient, 'tcp');
  feed('request');
  advance(32_000);
  t.strictSame(log, ['0 send', '32000 report-timeout']);
});

t.test('RFC 3261 §17.1.1.2: a provisional stops the resending, and an INVITE that rings has no time-out', async (t) => {
  const { feed, advance, log } = bench(inviteClient, 'udp');
  feed('request', '1xx', '1xx');
  t.equal(advance(600_000), 'proceeding');
  t.strictSame(log, ['0 send', '0 pass', '0 pass']);
});

t.test(
  'RFC 3261 §17.1.1.2: a failure is passed once and each copy acknowledged, for 32 s over UDP and none over TCP',
  async (t) => {
    const udp = bench(inviteClient, 'udp');
    udp.feed('request', '1xx', '3xx-6xx', '3xx-6xx', '1xx', '2xx');
    t.strictSame(udp.log, ['0 send', '0 pass', '0 send-ack', '0 pass', '0 send-ack']);
    t.equal(udp.machine.ignored, 2);
    t.equal(udp.advance(31_999), 'completed');
    t.equal(udp.advance(1), 'terminated');
    t.equal(bench(inviteClient, 'tcp').feed('request', '3xx-6xx'), 'terminated');
  },
);

t.test('RFC 6026 §7.2: every 2xx is passed until timer M', async (t) => {
  for (const transport of ['udp', 'tcp'] as const) {
    const { feed, advance, times } = bench(inviteClient, transport);
    feed('request', '2xx', '2xx', '1xx');
    t.equal(times('pass').length, 2);
    t.equal(advance(31_999), 'accepted');
    t.equal(advance(1), 'terminated');
    t.strictSame(times('report-timeout'), []);
  }
});

t.test('RFC 3261 §9.1: a cancelled INVITE that gets no final answer ends after 64 × T1', async (t) => {
  const { feed, advance, times } = bench(inviteClient, 'tcp');
  feed('request', '1xx');
  advance(60_000);
  feed('cancel', '1xx');
  t.equal(advance(32_000), 'terminated');
  t.strictSame(times('report-timeout'), [92_000]);
  const answered = bench(inviteClient, 'udp');
  t.equal(answered.feed('request', '1xx', 'cancel', '2xx'), 'accepted', 'a 2xx that crosses the CANCEL is passed');
  t.strictSame(answered.times('pass').length, 2);
});

t.test(
  'RFC 3261 §17.2.1: over UDP an unacknowledged failure is resent from T1, doubling to T2, until timer H',
  async (t) => {
    const { feed, advance, times } = bench(inviteServer, 'udp');
    feed('request', 'tu-1xx', 'request', 'tu-3xx-6xx');
    t.equal(advance(32_000), 'terminated');
    t.strictSame(times('resend'), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    t.strictSame(times('report-timeout'), [32_000]);
  },
);

t.test('RFC 3261 §17.2.1: over TCP a failure is sent once, and still waits for its ACK', async (t) => {
  const waiting = bench(inviteServer, 'tcp');
  waiting.feed('request', 'tu-3xx-6xx');
  waiting.advance(32_000);
  t.strictSame(waiting.log, ['0 pass', '0 send', '32000 report-timeout']);
  t.equal(bench(inviteServer, 'tcp').feed('request', 'tu-3xx-6xx', 'ack'), 'terminated');
});

t.test('RFC 3261 §17.2.1: after the ACK copies of both are absorbed for T4', async (t) => {
  const { feed, advance, log } = bench(inviteServer, 'udp');
  t.equal(feed('request', 'tu-3xx-6xx', 'ack', 'ack', 'request'), 'confirmed');
  t.equal(advance(4_999), 'confirmed');
  t.equal(advance(1), 'terminated');
  t.strictSame(log, ['0 pass', '0 send']);
});

t.test(
  'RFC 6026 §7.1: after a 2xx the INVITE is absorbed, the user may resend, the ACK is passed, until timer L',
  async (t) => {
    const { feed, advance, log, machine } = bench(inviteServer, 'udp');
    feed('request', 'tu-2xx', 'request', 'tu-2xx', 'ack', 'tu-3xx-6xx', 'transport-error');
    t.strictSame(log, ['0 pass', '0 send', '0 send', '0 pass']);
    t.equal(machine.ignored, 1);
    t.equal(advance(31_999), 'accepted');
    t.equal(advance(1), 'terminated');
  },
);

t.test('RFC 3261 §17.1.2.2: over UDP a request is resent from T1, doubling to T2, until timer F', async (t) => {
  const { feed, advance, times } = bench(nonInviteClient, 'udp');
  feed('request');
  t.equal(advance(32_000), 'terminated');
  t.strictSame(times('resend'), [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
  t.strictSame(times('report-timeout'), [32_000]);
});

t.test('RFC 3261 §17.1.2.2: after a provisional it is resent every T2', async (t) => {
  const { feed, advance, times } = bench(nonInviteClient, 'udp');
  feed('request', '1xx');
  advance(9_000);
  t.strictSame(times('resend'), [500, 4_500, 8_500]);
});

t.test('RFC 3261 §17.1.2.2: a final answer is passed once; its copies are absorbed for T4 over UDP', async (t) => {
  const { feed, advance, times } = bench(nonInviteClient, 'udp');
  feed('request', '2xx', '2xx', '3xx-6xx', '1xx');
  t.equal(times('pass').length, 1);
  t.equal(advance(4_999), 'completed');
  t.equal(advance(1), 'terminated');
  t.strictSame(times('resend'), []);
  t.equal(bench(nonInviteClient, 'tcp').feed('request', '2xx'), 'terminated');
});

t.test('RFC 3261 §17.2.2: a repeated request gets the last answer again, for 32 s over UDP', async (t) => {
  const { feed, advance, log } = bench(nonInviteServer, 'udp');
  feed('request', 'request', 'tu-1xx', 'request', 'tu-2xx', 'request', 'tu-3xx-6xx');
  t.strictSame(log, ['0 pass', '0 send', '0 resend', '0 send', '0 resend']);
  t.equal(advance(31_999), 'completed');
  t.equal(advance(1), 'terminated');
  t.equal(bench(nonInviteServer, 'tcp').feed('request', 'tu-2xx'), 'terminated');
});

t.test('a transport error is reported once, from every state that still waits', async (t) => {
  const paths: [TransactionTable, TransactionInput[]][] = [
    [inviteClient, ['request']],
    [nonInviteClient, ['request']],
    [nonInviteClient, ['request', '1xx']],
    [inviteServer, ['request', 'tu-3xx-6xx']],
    [nonInviteServer, ['request', 'tu-1xx']],
  ];
  for (const [table, inputs] of paths) {
    const { feed, times, machine } = bench(table, 'udp');
    t.equal(feed(...inputs, 'transport-error', 'transport-error'), 'terminated', table.kind);
    t.equal(times('report-transport-error').length, 1);
    t.equal(machine.nextWake(), undefined, 'no timer is left');
  }
});

t.test(
  'every state × input: what a table lacks changes nothing, and every state that is reached can end',
  async (t) => {
    const inputs: TransactionInput[] = [
      'request',
      'ack',
      'cancel',
      '1xx',
      '2xx',
      '3xx-6xx',
      'tu-1xx',
      'tu-2xx',
      'tu-3xx-6xx',
      'transport-error',
    ];
    for (const table of [inviteClient, inviteServer, nonInviteClient, nonInviteServer]) {
      for (const [state, row] of Object.entries(table.rows)) {
        for (const [next] of Object.values(row))
          t.ok(next === 'terminated' || next in table.rows, `${table.kind}: ${state} → ${next}`);
      }
      const machine = new Transaction(table, false);
      for (const input of inputs.filter((input) => table.rows.initial?.[input] === undefined)) {
        t.equal(machine.handle(input, 0 as Instant), undefined);
        t.equal(machine.state, 'initial');
      }
    }
  },
);
