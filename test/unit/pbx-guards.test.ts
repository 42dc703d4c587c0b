// The small guards of call control: whose address it is, which listener it was, and what a session description may say.
import t from 'tap';
import { audioFlaw, cleanSdp, hideSavp, showSavp } from '../../src/pbx/leg/sdp-guard.ts';
import type { Listener } from '../../src/pbx/leg/sip-arrival.ts';
import { findListener } from '../../src/pbx/leg/sip-arrival.ts';
import { isInBlocks } from '../../src/pbx/trunk/address-set.ts';

t.test('a carrier’s addresses are exact or blocks, IPv4 and IPv6', async (t) => {
  const blocks = ['192.0.2.7', '198.51.100.0/25', '2001:db8::/32'];
  for (const inside of ['192.0.2.7', '198.51.100.127', '2001:db8:1::5', '::ffff:192.0.2.7']) {
    t.ok(isInBlocks(inside, blocks), inside);
  }
  for (const outside of ['192.0.2.8', '198.51.100.128', '2001:db9::1', '', 'carrier.example', '192.0.2']) {
    t.notOk(isInBlocks(outside, blocks), outside);
  }
  t.notOk(isInBlocks('192.0.2.7', ['192.0.2.0/33', 'x/8', '0.0.0.0/', '']), 'a broken block matches nothing');
});

t.test('a listener is found by address, by port alone only when it is bound to every address', async (t) => {
  const listeners: Listener[] = [
    { name: 'phones', transport: 'tls', host: '0.0.0.0', port: 5061 },
    { name: 'carrier', transport: 'udp', host: '192.0.2.1', port: 5060 },
    { name: 'inner', transport: 'udp', host: '127.0.0.1', port: 5060 },
  ];
  t.equal(findListener(listeners, '192.0.2.1:5061')?.name, 'phones');
  t.equal(findListener(listeners, '127.0.0.1:5060')?.name, 'inner');
  t.equal(findListener(listeners, '192.0.2.1:5060')?.name, 'carrier');
  t.equal(findListener(listeners, '192.0.2.9:5060'), undefined);
  t.equal(findListener(listeners, undefined), undefined);
});

const savp = 'v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n';

t.test('audio that cannot be played into is named', async (t) => {
  t.equal(audioFlaw(savp, 'required'), undefined);
  t.equal(audioFlaw('v=0\r\nm=audio 4000 RTP/AVP 0\r\n', 'required'), 'not-encrypted');
  t.equal(audioFlaw('v=0\r\nm=audio 4000 RTP/SAVP 0\r\n', 'optional'), 'not-encrypted', 'SAVP without a key');
  t.equal(audioFlaw('v=0\r\nm=audio 0 RTP/SAVP 19\r\n', 'optional'), 'no-audio', 'an answer with port 0');
  t.equal(audioFlaw(savp, 'forbidden'), 'encrypted');
  t.equal(audioFlaw(undefined, 'optional'), 'no-audio');
});

t.test('what would crash a URL decoder or be expanded never leaves', async (t) => {
  const clean = cleanSdp('v=0\ns=Caf\u00e9 %E9 $' + '{uuid}\nm=audio 4000 RTP/AVP 0\n') ?? '';
  t.equal(clean, 'v=0\r\ns=Caf E9 uuid}\r\nm=audio 4000 RTP/AVP 0\r\n');
  t.equal(cleanSdp('not sdp'), undefined);
  t.equal(cleanSdp(`v=0\r\n${'a=x\r\n'.repeat(5_000)}`), undefined);
});

t.test('the profile token is hidden and put back exactly', async (t) => {
  t.notMatch(hideSavp(savp), /SAVP/);
  t.equal(showSavp(hideSavp(savp)), savp);
  const dtls = savp.replace('RTP/SAVP', 'UDP/TLS/RTP/SAVPF');
  t.equal(showSavp(hideSavp(dtls)), dtls);
});
