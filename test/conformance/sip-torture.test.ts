// Every torture message of RFC 4475 and RFC 5118 against the parser, the serialiser and the stack, as the manifest says.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { cseqOf, parseVia, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { findFlaw } from '../../src/protocol/sip/flaws.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { parseNameAddr, parseUri, splitList } from '../../src/protocol/sip/uri.ts';
import { answer, recordingStack, requestText, streamPeer, udpPeer } from '../support/sip-bench.ts';

type Outcome = number | 'passed' | 'stray' | 'dropped' | 'waits';

interface Entry {
  readonly file: string;
  readonly section: string;
  readonly title: string;
  readonly verdict: 'valid' | 'invalid';
  readonly fault?: string;
  readonly rewritten?: 'same' | 'body-cut' | 'length-added';
  readonly udp: Outcome;
  readonly tcp?: Outcome;
}

const FOLDER = new URL('./sip-torture/', import.meta.url);
const manifest: readonly Entry[] = JSON.parse(readFileSync(new URL('manifest.json', FOLDER), 'utf8'));
const read = (file: string): Buffer => readFileSync(new URL(file, FOLDER));

function load(file: string) {
  const message = parseMessage(read(file));
  if ('fault' in message) throw new Error(message.fault);
  return message;
}

t.test('the manifest names every file, and every file has its entry', async (t) => {
  const files = ['rfc4475', 'rfc5118'].flatMap((folder) =>
    readdirSync(new URL(folder, FOLDER)).map((name) => `${folder}/${name}`),
  );
  t.strictSame(manifest.map(({ file }) => file).sort(), files.sort());
  t.equal(files.filter((file) => file.startsWith('rfc4475/')).length, 49);
  t.equal(files.filter((file) => file.startsWith('rfc5118/') && !file.endsWith('-counted.sip')).length, 12);
});

t.test('verdicts, and what was parsed is written again as it came', async (t) => {
  for (const { file, section, verdict, fault, rewritten } of manifest) {
    const bytes = read(file);
    const message = parseMessage(bytes);
    const flaw = 'fault' in message ? message.fault : findFlaw(message);
    t.equal(flaw, verdict === 'valid' ? undefined : fault, `§${section} ${file}`);
    if ('fault' in message || verdict === 'invalid') continue;
    const written = serialise(message);
    if (rewritten === 'same') t.ok(written.equals(bytes), `${file} is written as it came`);
    else if (rewritten === 'body-cut')
      t.ok(bytes.subarray(0, written.length).equals(written), `${file} without its tail`);
    else t.equal(written.toString().replace(/Content-Length: \d+\r\n/, ''), bytes.toString(), `${file} with a length`);
  }
});

/** A stack of its own for each message: several of them have the same Via, and would be taken for one request. */
async function listening(transport: 'udp' | 'tcp') {
  const server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen({ name: 'test', transport, host: '127.0.0.1', port: 0 });
  return { server, port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

t.test('over UDP the stack answers, passes or drops each as the RFCs say, and lives', async (t) => {
  for (const { file, section, udp, fault } of manifest) {
    await using bench = await listening('udp');
    await using peer = await udpPeer();
    peer.send(read(file), bench.port);
    // A good request of the same socket behind it: when that is answered, the first was dealt with.
    peer.send(requestText({ via: 'SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKafter' }), bench.port);
    while (!peer.received.some((text) => text.includes('after'))) await peer.nth(peer.received.length + 1);
    const { requests, strays, faults } = bench.server;
    const status = Number(peer.received.find((text) => !text.includes('after'))?.slice(8, 11) ?? 0);
    const outcome = requests.length === 2 ? 'passed' : strays.length === 1 ? 'stray' : status || 'dropped';
    t.equal(outcome, udp, `§${section} ${file}`);
    t.strictSame(faults, fault === undefined ? [] : [fault]);
  }
});

t.test('over TCP the same, but for what only a stream knows', async (t) => {
  for (const { file, section, udp, tcp = udp } of manifest) {
    await using bench = await listening('tcp');
    await using peer = await streamPeer(bench.port);
    peer.write(read(file));
    if (tcp === 'waits') {
      peer.write(requestText({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKnext' }));
      await new Promise((resolve) => setImmediate(resolve));
      t.strictSame([bench.server.requests, bench.server.faults], [[], []], `§${section} ${file} waits`);
      continue;
    }
    const isSilent = tcp === 'stray' || tcp === 'dropped';
    if (isSilent) peer.write(requestText({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKnext' }));
    const status = isSilent || tcp === 'passed' ? 200 : tcp;
    t.match(await peer.nth(1), { message: { status } }, `§${section} ${file} ${tcp}`);
    t.equal(bench.server.strays.length, tcp === 'stray' ? 1 : 0);
  }
  await using bench = await listening('tcp');
  await using peer = await streamPeer(bench.port);
  peer.write(read('rfc4475/dblreq.sip'));
  await peer.nth(2);
  const methods = bench.server.requests.map(({ request }) => request.method);
  t.strictSame(methods, ['REGISTER', 'INVITE'], '§3.1.1.8: in a stream both requests count');
});

t.test('RFC 4475 §3.1.1: what the valid ones say', async (t) => {
  const wsinv = load('rfc4475/wsinv.sip');
  t.match(topVia(wsinv), { transport: 'UDP', host: '192.0.2.2', branch: '390skdjuw' });
  t.strictSame(cseqOf(wsinv), { number: 9, method: 'INVITE' });
  t.equal(tagOf(wsinv.headers.get('to')), '1918181833n');
  t.match(parseNameAddr(wsinv.headers.get('from') ?? ''), { displayName: 'J Rosenberg \\"', tag: '98asjd8' });
  const branches = splitList(wsinv.headers.all('via')[1] ?? '').map((item) => parseVia(item)?.branch);
  t.strictSame(branches, ['z9hG4bK9ikj8', 'z9hG4bK30239']);
  const contact = parseNameAddr(wsinv.headers.get('contact') ?? '')?.params;
  t.strictSame(Object.fromEntries(contact ?? []), { newparam: 'newvalue', secondparam: '', q: '0.33' });

  const intmeth = load('rfc4475/intmeth.sip');
  const uri = parseUri(intmeth.kind === 'request' ? intmeth.uri : '');
  t.match(uri, { host: 'example.com', password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)" });
  t.equal(tagOf(intmeth.headers.get('from')), "_token~1'+`*%!-.");
  t.match(parseNameAddr(intmeth.headers.get('to') ?? ''), { displayName: 'BEL:\u0007 NUL:\u0000 DEL:\u007f' });

  const esc01 = load('rfc4475/esc01.sip');
  t.match(parseUri(esc01.kind === 'request' ? esc01.uri : ''), { user: 'sips:user@example.com', host: 'example.net' });
  const escaped = parseNameAddr(esc01.headers.get('contact') ?? '')?.uri;
  t.equal(escaped?.user, 'caller');
  t.strictSame(Object.fromEntries(escaped?.params ?? []), { lr: '', name: 'value%41' });

  t.equal(parseNameAddr(load('rfc4475/escnull.sip').headers.get('contact') ?? '')?.uri.user, '\u0000');
  t.equal(load('rfc4475/esc02.sip').headers.all('contact').length, 2, 'C%6Fntact is another header');
  const semiuri = load('rfc4475/semiuri.sip');
  t.equal(parseUri(semiuri.kind === 'request' ? semiuri.uri : '')?.user, 'user;par=u@example.net');
  t.equal(load('rfc4475/longreq.sip').headers.all('via').length, 34);
  t.equal(load('rfc4475/mpart01.sip').body.length, 553);
  t.match(load('rfc4475/unreason.sip'), { reason: '= 2**3 * 5**2 но сто девяносто девять - простое' });
  t.match(load('rfc4475/noreason.sip'), { status: 100, reason: '' });
});

t.test('RFC 5118 §4: where an IPv6 reference ends', async (t) => {
  const uriOf = (file: string) => {
    const message = load(file);
    return parseUri(message.kind === 'request' ? message.uri : '');
  };
  t.match(uriOf('rfc5118/port-ambiguous.sip'), { host: '2001:db8::10:5070', port: undefined });
  t.match(uriOf('rfc5118/port-unambiguous.sip'), { host: '2001:db8::10', port: 5070 });
  t.match(topVia(load('rfc5118/via-received-param-with-delim.sip')), { host: '2001:db8::9:1' });
  t.match(topVia(load('rfc5118/via-received-param-no-delim.sip')), { received: '2001:db8::9:255' });
  t.match(topVia(load('rfc5118/ipv4-mapped-ipv6.sip')), { host: '::ffff:192.0.2.10', port: 19_823 });
});
