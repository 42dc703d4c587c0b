// svmap, svwar and svcrack against a guarded listener: nothing is found, no user can be told from none, the guesser is banned.
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Ban } from '../../src/engine/edge/guard.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SipPeer } from '../support/sip-peer.ts';
import { isSipviciousMissing, sipvicious } from '../support/sipvicious.ts';

t.setTimeout(180_000);
const options = isSipviciousMissing ? { skip: 'sipvicious is not installed: apt-get install sipvicious' } : {};
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const USER = '1001';
const PASSWORD = '77';

/** A registrar that challenges everybody alike, with one user whose password is in the guesser's list. */
async function bench(t: Test) {
  const banned: Ban[] = [];
  const edge = await edgeBench({
    onBanned: (ban) => banned.push(ban),
    listeners: [{ name: 'phones', profile: 'phones', transport: 'udp', host: '127.0.0.1', port: 0 }],
  });
  const counts = { challenged: 0, refused: 0, registered: 0 };
  const srf = await edge.srf();
  srf.use('register', (req, res) => {
    const digest = req.get('Authorization');
    if (digest === undefined) {
      counts.challenged += 1;
      res.send(401, {
        headers: { 'WWW-Authenticate': `Digest realm="clinic", nonce="${md5(String(Math.random()))}"` },
      });
    } else if (isRight(digest)) {
      counts.registered += 1;
      res.send(200, { headers: { Expires: '300' } });
    } else {
      counts.refused += 1;
      res.send(403);
    }
  });
  srf.use('options', (_req, res) => res.send(200));
  await edge.routed(['register', 'options']);
  t.teardown(() => edge[Symbol.asyncDispose]());
  return { edge, banned, counts, port: String(edge.port('phones/udp')) };
}

function isRight(digest: string): boolean {
  const field = (name: string) => new RegExp(`\\b${name}="?([^",]*)`).exec(digest)?.[1] ?? '';
  const ha1 = md5(`${USER}:clinic:${PASSWORD}`);
  return (
    field('username') === USER &&
    field('response') === md5(`${ha1}:${field('nonce')}:${md5(`REGISTER:${field('uri')}`)}`)
  );
}

/** A phone with the right password still registers from its own address. */
async function aPhoneRegisters(t: Test, edge: Awaited<ReturnType<typeof bench>>['edge']): Promise<void> {
  await using phone = await SipPeer.udp(edge.port('phones/udp'));
  const nonce = 'n';
  const response = md5(`${md5(`${USER}:clinic:${PASSWORD}`)}:${nonce}:${md5('REGISTER:sip:clinic')}`);
  const digest = `Digest username="${USER}", realm="clinic", nonce="${nonce}", uri="sip:clinic", response="${response}"`;
  phone.send(phone.request('REGISTER', { headers: [['Authorization', digest]] }));
  t.ok(await phone.takeResponse(200));
}

for (const isDisguised of [false, true]) {
  const who = isDisguised ? 'disguised' : 'by its own name';
  t.test(`svmap, ${who}: finds nothing`, options, async (t) => {
    const { edge, port } = await bench(t);
    const output = await sipvicious('svmap', '127.0.0.2', ['-p', port, '127.0.0.1'], isDisguised);
    t.match(output, /found nothing/i);
    t.notMatch(output, `127.0.0.1:${port}`);
    await aPhoneRegisters(t, edge);
  });

  t.test(`svwar, ${who}: cannot tell a user from none`, options, async (t) => {
    const { edge, port, banned, counts } = await bench(t);
    const output = await sipvicious(
      'svwar',
      '127.0.0.3',
      ['--force', '-p', port, '-e', '900-1400', '127.0.0.1'],
      isDisguised,
    );
    t.notMatch(output, /\| *1001 *\|/, 'the user stands out in nothing');
    t.match(output, /found nothing/i);
    // Disguised it gives up by itself, for every answer is the same.
    if (isDisguised) t.ok(counts.challenged <= 10, `${counts.challenged} challenges`);
    else t.match(banned[0], { address: '127.0.0.3', reason: 'scanner' });
    await aPhoneRegisters(t, edge);
  });

  t.test(`svcrack, ${who}: is banned before it comes to the password`, options, async (t) => {
    const { edge, port, banned, counts } = await bench(t);
    const output = await sipvicious(
      'svcrack',
      '127.0.0.4',
      ['-p', port, '-u', USER, '-r', '1-200', '--maximumtime', '2', '127.0.0.1'],
      isDisguised,
    );
    t.notMatch(output, new RegExp(`\\| *${PASSWORD} *\\|`));
    t.match(banned[0], { address: '127.0.0.4' });
    t.ok(counts.refused <= 40, `${counts.refused} guesses`);
    t.equal(counts.registered, 0);
    await aPhoneRegisters(t, edge);
  });
}
