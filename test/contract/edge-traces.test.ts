// Recordings of drachtio-server replayed against our edge: frames, fields, texts and order must be the same.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { namedServer } from '../support/named-server.ts';
import { SipPeer } from '../support/sip-peer.ts';
import { parseTrace, Replay } from '../support/trace-replay.ts';

const FOLDER = join(import.meta.dirname, 'traces/drachtio');

/** Traces by name, and what we do better: differences that begin so are meant. */
const TRACES: Readonly<Record<string, readonly RegExp[]>> = {
  ack_timeout: [],
  after_cancel: [],
  b2bua: [],
  bytes_field: [],
  // Our CANCEL's echo tells its true size, and its To has the brackets that the INVITE's has.
  cancel_before_prov: [/^to of CANCEL/, /^field 5 of .*\|OK\|application\|0\|/],
  // RFC 3261 §9.2, RFC 6026 §7.1: a CANCEL that matches an INVITE gets 200, also when it comes too late.
  cancel_after_200: [/^start line: expected SIP\/2.0 481/],
  // RFC 3261 §15.1.2: what waits for an answer when the call ends gets 487.
  info_unanswered: [/^start line: expected SIP\/2.0 500/],
  invite_unanswered: [],
  late_route: [],
  merged_retrans: [],
  nat: [],
  no_txn: [],
  ooddialog_misc: [],
  // A URI with a parameter stands in brackets, so that the parameter stays the URI's (RFC 3261 §20.10).
  tcp_call: [/^to of INVITE/],
  // RFC 6665 §8.1.2: NOTIFY carries a Contact.
  // RFC 3261 §16.6 step 3: what a proxy passes on has one hop less; §17.1.1.3: its own ACK has the INVITE's Request-URI.
  proxy: [/^max-forwards of (ACK|BYE)/, /^start line: expected ACK sip:127/, /^headers of ACK sip:127/],
  proxy_fail: [],
  ping: [],
  // An application may send a method that we do not know; whoever gets it decides (RFC 3261 §8.2.1).
  raw_sip_errors: [/^fields: expected 5/],
  // RFC 3261 §8.1.1.6: each request counts its own hops. Header lines of one name stay as many as the application wrote.
  raw_uac_hdrs: [/^max-forwards of ACK/, /^headers of OPTIONS/],
  reinvite_peer_200_noack: [],
  // RFC 4028 §9: a 2xx that leaves the refreshing to the caller requires `timer`.
  session_expire: [/^(headers|require) of SIP\/2.0 200 OK/],
  session_timer: [],
  subscribe: [/^(headers|contact) of NOTIFY/],
  uac_3pcc: [],
  // RFC 3261 §13.2.2.4: the ACK repeats the credentials of its INVITE.
  uac_auth: [/^headers of ACK sip:peer/],
  uac_call: [],
  uac_cancel: [],
  uac_fail: [],
  uac_invite_proceeding_forever: [],
  // The To of a 408 that nobody sent has no tag, for nobody is there.
  uac_invite_timeout: [/^to of SIP\/2.0 408/],
  uac_options_timeout: [/^to of SIP\/2.0 408/],
  uac_prack: [],
  uac_requests: [],
  uac_rr_bye: [],
  // The NOTIFY that ends a subscription is the application's to answer; drachtio-server says 500 to it.
  uac_subscribe: [/^start line: expected SIP\/2.0 500/, /^field.* of .*\|NOK\|/],
  uas_call: [/^(headers|contact) of NOTIFY/],
  uas_cancel: [],
  uas_cseq: [],
  uas_peer_bye: [],
  uas_prack: [],
  uas_reject: [],
  // RFC 3311 §5.2: an answered UPDATE names a Contact and the type of its body.
  update_early: [/^(headers|contact|content-type) of SIP\/2.0 200 OK/, /^field 11 of /],
};

/** Long ones: their time is moved by hand. A timer of ours may fire a little later than the recorded one. */
const TIMED = new Set([
  'ack_timeout',
  'invite_unanswered',
  'session_expire',
  'session_timer',
  'uac_invite_timeout',
  'uac_options_timeout',
]);
const LATER_MS = 5_000;
/** Against a server that keeps its own time, the recording's time is waited for. */
const REAL_TIME_MS = 200_000;
/** drachtio-server refreshes a session up to five seconds before or after half time. */
const SPREAD_MS = 5_000;
const POLL_MS = 50;

const isNamed = namedServer('WARDLINE_TEST_DRACHTIO') !== undefined;

for (const [name, better] of Object.entries(TRACES)) {
  t.test(name, async (t) => {
    const steps = parseTrace(readFileSync(join(FOLDER, `${name}.log`), 'utf8'));
    const transport = steps.some((step) => 'port' in step && step.text.includes('SIP/2.0/TCP')) ? 'tcp' : 'udp';
    const isTimed = TIMED.has(name);
    const clock = isTimed && !isNamed ? new ManualClock() : undefined;
    await using bench = await edgeBench(clock === undefined ? {} : { clock });
    if (isTimed && isNamed) t.setTimeout(REAL_TIME_MS);
    const app = await bench.raw();
    const peers = new Map<string, SipPeer>();
    for (const step of steps) {
      if (!('port' in step) || peers.has(step.port)) continue;
      const peer = await SipPeer[transport](bench.port(`carrier/${transport}`));
      t.teardown(() => peer[Symbol.asyncDispose]());
      peers.set(step.port, peer);
    }
    const replay = new Replay(bench, app, peers, transport);
    const flaws: string[] = [];
    for (const [index, step] of steps.entries()) {
      const passedMs = step.atMs - (steps[index - 1]?.atMs ?? 0);
      clock?.advance(passedMs > LATER_MS ? passedMs + LATER_MS : passedMs);
      if (isTimed && isNamed) await waitAs(passedMs, step.do === 'peer-hears' ? peers.get(step.port) : undefined);
      for (const flaw of await replay.step(step)) {
        if (!better.some((pattern) => pattern.test(flaw))) flaws.push(`step ${index} (${step.do}): ${flaw}`);
      }
    }
    t.same(flaws, []);
    t.ok(steps.length > 3, `${steps.length} steps`);
  });
}

/** As long as it took when it was recorded; what `peer` was to hear after a long time may come a little sooner or later. */
async function waitAs(passedMs: number, peer: SipPeer | undefined): Promise<void> {
  if (peer === undefined || passedMs <= LATER_MS) {
    await delay(passedMs);
    return;
  }
  const before = peer.seen.length;
  await delay(passedMs - SPREAD_MS);
  for (let ms = 0; ms < 3 * SPREAD_MS && peer.seen.length === before; ms += POLL_MS) await delay(POLL_MS);
}
