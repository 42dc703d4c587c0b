// STUN Binding against RFC 5769's test vectors: what a keep-alive asks, and the address it is told.
import t from 'tap';
import { formatBindingResponse, isStun, parseBindingRequest } from '../../src/protocol/stun/binding.ts';
import { seeded } from '../support/seeded.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');
const TRANSACTION = 'b7e7a701 bc34d686 fa87dfae';
const BARE = hex(`0001 0000 2112a442 ${TRANSACTION}`);

/** RFC 5769 §2.1: a request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY and FINGERPRINT. */
const ICE = hex(`
  0001 0058 2112a442 ${TRANSACTION}
  8022 0010 5354554e 20746573 7420636c 69656e74
  0024 0004 6e0001ff
  8029 0008 932ff9b1 51263b36
  0006 0009 6576746a 3a683676 59202020
  0008 0014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  8028 0004 e57a3bcf`);

t.test('RFC 5389 §6: what is a Binding request, and what is not', async (t) => {
  t.match(parseBindingRequest(BARE), { unknown: [], hasFingerprint: false });
  t.match(parseBindingRequest(ICE), { unknown: [0x0024], hasFingerprint: true }, 'RFC 5769 §2.1');
  const broken = Buffer.from(ICE);
  broken[30] = 0x7a;
  t.equal(parseBindingRequest(broken), undefined, '§15.5: a fingerprint that is wrong');
  t.equal(parseBindingRequest(ICE.subarray(0, 40)), undefined, 'a message that is cut off');
  t.equal(parseBindingRequest(hex(`0101 0000 2112a442 ${TRANSACTION}`)), undefined, 'an answer');
  t.equal(parseBindingRequest(hex(`0001 0004 2112a442 ${TRANSACTION} 80220008`)), undefined, 'an attribute too long');
  t.equal(isStun(Buffer.from('OPTIONS sip:a@b SIP/2.0\r\n\r\n')), false);
  t.equal(isStun(Buffer.from('\r\n\r\n')), false);
});

t.test('RFC 5769 §2.2 and §2.3: the address in an answer, xored', async (t) => {
  const request = parseBindingRequest(BARE);
  if (request === undefined) throw new Error('no request');
  t.equal(
    formatBindingResponse(request, { host: '192.0.2.1', port: 32_853 }).toString('hex'),
    hex(`0101 000c 2112a442 ${TRANSACTION} 0020 0008 0001a147 e112a643`).toString('hex'),
  );
  t.equal(
    formatBindingResponse(request, { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 }).toString('hex'),
    hex(`0101 0018 2112a442 ${TRANSACTION} 0020 0014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9`).toString('hex'),
  );
  const short = formatBindingResponse(request, { host: '::1', port: 5060 });
  const long = formatBindingResponse(request, { host: '0:0:0:0:0:0:0:1', port: 5060 });
  t.ok(short.equals(long), 'a short form is the same address');
});

t.test(
  'RFC 5389 §7.3.1: what must be understood and is not gets 420; a fingerprint is answered with one',
  async (t) => {
    const request = parseBindingRequest(ICE);
    if (request === undefined) throw new Error('no request');
    const answer = formatBindingResponse(request, { host: '192.0.2.1', port: 1 });
    t.equal(answer.readUInt16BE(0), 0x0111);
    t.equal(answer.readUInt16BE(2), answer.length - 20);
    t.ok(answer.includes(hex('000a 0002 0024')), 'UNKNOWN-ATTRIBUTES names PRIORITY');
    t.equal(answer.readUInt16BE(answer.length - 8), 0x8028);
  },
);

t.test('hostile bytes give a request or nothing, never more', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  for (let count = 0; count < 20_000; count++) {
    const bytes = Buffer.from(random.below(2) === 0 ? ICE : BARE);
    for (let flips = random.below(6); flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256);
    const request = parseBindingRequest(bytes.subarray(0, random.below(bytes.length + 1)));
    if (request !== undefined) formatBindingResponse(request, { host: '192.0.2.1', port: random.below(65_536) });
  }
  t.pass('none threw');
});
