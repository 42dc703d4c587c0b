// URIs, name-addr values and lists: RFC 3261 §19.1, §20.10, RFC 3966.
import t from 'tap';
import {
  formatNameAddr,
  formatUri,
  makeUri,
  parseHostPort,
  parseNameAddr,
  parseNameAddrList,
  parseUri,
  splitList,
  uriEquals,
} from '../../src/protocol/sip/uri.ts';

const same = (a: string, b: string): boolean => uriEquals(parseUri(a)!, parseUri(b)!);

t.test('RFC 3261 §19.1.3: the parts of its own examples', async (t) => {
  const full = parseUri('sip:alice:secretword@atlanta.com;transport=tcp?subject=project%20x&priority=urgent');
  t.match(full, { scheme: 'sip', user: 'alice', password: 'secretword', host: 'atlanta.com', port: undefined });
  t.equal(full?.params.get('transport'), 'tcp');
  t.equal(full?.headers.get('subject'), 'project x');
  t.match(parseUri('sips:1212@gateway.com'), { scheme: 'sips', user: '1212' });
  t.match(parseUri('sip:alice;day=tuesday@atlanta.com'), { user: 'alice;day=tuesday', host: 'atlanta.com' });
  t.match(parseUri('sip:192.0.2.4:5062;lr'), { user: undefined, host: '192.0.2.4', port: 5062 });
  t.match(parseUri('sip:x@[2001:db8::10]:5070'), { host: '2001:db8::10', port: 5070 });
  t.match(parseUri('tel:+1-212-555-0100;phone-context=x'), { scheme: 'tel', user: '+1-212-555-0100', host: '' });
  t.match(parseUri('SIP:%61lice@Atlanta.com'), { user: 'alice' });
});

t.test('what is no URI is undefined, never thrown', async (t) => {
  const broken = [
    '',
    'sip',
    'sip:',
    'sip:@host',
    'sip:a@',
    'sip:a@b@c',
    'sip:a b@c',
    'sip:a@h:99999',
    'sip:a@h:',
    'sip:a@h:5x',
  ];
  for (const text of [
    ...broken,
    'sip:a@[::1',
    'sip:%zz@h',
    'sip:%ff@h',
    'http://x',
    'tel:',
    'tel:abc xyz',
    'sip:a@h;;',
    '<sip:a@h>',
  ]) {
    t.equal(parseUri(text), undefined, JSON.stringify(text));
  }
  t.equal(parseHostPort('a:b:c'), undefined);
});

t.test('a URI of parts is escaped where §25.1 asks, and parses back to the same', async (t) => {
  for (const user of ['1001', 'a b', 'me@home', '#9', 'ümlaut', 'x%41', 'q;p=1?', '"<>"', '\ud800']) {
    const uri = makeUri({
      user,
      host: 'clinic.example',
      port: 5061,
      params: new Map([
        ['lr', ''],
        ['x', 'a b;c'],
      ]),
    });
    const again = parseUri(formatUri(uri));
    t.equal(again?.user, user.toWellFormed());
    t.equal(again?.params.get('x'), 'a b;c');
    t.equal(again?.params.get('lr'), '');
  }
  t.equal(formatUri(makeUri({ host: '::1', port: 5060 })), 'sip:[::1]:5060');
});

t.test('RFC 3261 §19.1.4: equal and unequal as its examples say', async (t) => {
  t.ok(same('sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtlanTa.CoM;Transport=tcp'));
  t.ok(same('sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'));
  t.ok(same('sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on'));
  t.ok(
    same(
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ),
  );
  t.notOk(same('SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'));
  t.notOk(same('sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'));
  t.notOk(same('sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'));
  t.notOk(same('sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'));
  t.notOk(same('sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'));
  t.ok(same('tel:+1-212-555-0100', 'tel:+1(212)5550100'));
});

t.test('RFC 3261 §20.10: a name-addr in each of its shapes', async (t) => {
  t.match(parseNameAddr('"Mr. \\"W\\", <W>" <sip:w@bell.example;lr>;q=0.7;tag=a1'), {
    displayName: 'Mr. "W", <W>',
    uriText: 'sip:w@bell.example;lr',
    tag: 'a1',
  });
  t.match(parseNameAddr('Ann Other\r\n <sip:ann@x.example> ; tag = 88'), { displayName: 'Ann Other', tag: '88' });
  const bare = parseNameAddr('sip:ann@x.example;tag=88');
  t.equal(bare?.uriText, 'sip:ann@x.example', 'without brackets the parameters are the header’s');
  t.equal(bare?.tag, '88');
  t.equal(parseNameAddr('<sip:x@y>;expires="3600"')?.params.get('expires'), '3600');
  for (const text of [
    '*',
    '',
    '"open <sip:a@b>',
    '<sip:a@b',
    '"x" sip:a@b',
    'a "b" <sip:a@b>',
    '<sip:a@b> junk',
    '<sip:a@b>;=x',
  ]) {
    t.equal(parseNameAddr(text), undefined, text);
  }
});

t.test('a name-addr written anew is quoted and parses back', async (t) => {
  const uri = makeUri({ user: '1001', host: 'clinic.example' });
  const text = formatNameAddr({
    displayName: 'Front "Desk"\r\nX: y',
    uri,
    params: new Map([
      ['tag', 'a'],
      ['note', 'b c'],
    ]),
  });
  t.equal(text, '"Front \\"Desk\\" X: y" <sip:1001@clinic.example>;tag=a;note="b c"');
  t.equal(parseNameAddr(text)?.params.get('note'), 'b c');
});

t.test('a comma list is split outside quotes and brackets', async (t) => {
  t.strictSame(splitList('"a, b" <sip:a,b@x>, <sip:c@x;p="1,2">;q=1 ,, sip:d@x'), [
    '"a, b" <sip:a,b@x>',
    '<sip:c@x;p="1,2">;q=1',
    'sip:d@x',
  ]);
  t.strictSame(splitList(' \r\n '), []);
  t.equal(parseNameAddrList(['<sip:a@x>, *', '<sip:b@x>']).length, 2);
});
