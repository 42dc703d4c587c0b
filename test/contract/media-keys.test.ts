// Each leg's policy of keys, in FreeSWITCH's variables and in ours, driven by an unmodified drachtio-fsmrf, and heard at the far end.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import t from 'tap';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes } from '../../src/protocol/rtp/srtp-suite.ts';
import type { FsmrfEndpoint, MediaBench } from '../support/media-bench.ts';
import { mediaBench } from '../support/media-bench.ts';
import { namedServer } from '../support/named-server.ts';

const HZ = 440;
const skip =
  namedServer('WARDLINE_TEST_FREESWITCH') === undefined
    ? false
    : 'its dial plan knows nothing of X-Secure-Media, nor of our words';

function crypto(tag: number, suite: SrtpSuite): string {
  return `a=crypto:${tag} ${suite} inline:${randomBytes(masterBytes(suite)).toString('base64')}`;
}

/** An offer with these audio lines, `xAVP` where drachtio-fsmrf must not see SAVP. */
function offer(...lines: string[]): string {
  const head = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  return `${[...head, ...lines].join('\r\n')}\r\n`;
}

const PLAIN = 'm=audio 49450 RTP/AVP 0';
const SECURE = ['m=audio 49452 RTP/xAVP 0', crypto(1, 'AES_CM_128_HMAC_SHA1_80'), crypto(2, 'AEAD_AES_256_GCM')];

type Headers = Record<string, string>;

/** The line of keys in the answer, `plain`, or the status that refused. */
async function outcome(bench: MediaBench, remoteSdp: string, headers: Headers): Promise<string> {
  try {
    const endpoint = await bench.ms.createEndpoint({ remoteSdp, headers });
    const taken = endpoint.local.sdp.split('\r\n').filter((line) => /^m=audio (?!0 )/.test(line));
    const suite = /a=crypto:(\d+ \S+)/.exec(endpoint.local.sdp)?.[1];
    await endpoint.destroy();
    return taken[0]?.includes('SAVP') ? (suite ?? 'no key') : 'plain';
  } catch (error) {
    return String((error as { status?: number }).status);
  }
}

t.test(
  'required, preferred, optional, forbidden: what is answered to plain, to secure, and to both',
  { skip },
  async (t) => {
    await using bench = await mediaBench();
    const [both, secure, plain] = [offer(PLAIN, ...SECURE), offer(...SECURE), offer(PLAIN)];
    const weak = '1 AES_CM_128_HMAC_SHA1_80';
    const strong = '2 AEAD_AES_256_GCM';
    const cases: [word: string | undefined, both: string, secure: string, plain: string][] = [
      [undefined, 'plain', weak, 'plain'],
      ['optional', 'plain', weak, 'plain'],
      ['mandatory', weak, weak, '488'],
      ['true', weak, weak, '488'],
      ['forbidden', 'plain', '488', 'plain'],
      ['false', 'plain', '488', 'plain'],
      ['required', strong, strong, '488'],
      ['preferred', strong, strong, 'plain'],
      ['mandatory:AEAD_AES_256_GCM:AES_CM_128_HMAC_SHA1_80', weak, weak, '488'],
      ['mandatory:AEAD_AES_256_GCM', strong, strong, '488'],
      ['required:AES_CM_128_HMAC_SHA1_80:AEAD_AES_256_GCM', weak, weak, '488'],
      ['required:AEAD_AES_128_GCM', '488', '488', '488'],
      ['mandatory:AES_CM_128_NULL_AUTH', '488', '488', '488'],
      ['no-such-word', '488', '488', '488'],
    ];
    for (const [word, ...expected] of cases) {
      const headers: Headers = word === undefined ? {} : { 'X-Secure-Media': word };
      const got = [];
      for (const each of [both, secure, plain]) got.push(await outcome(bench, each, headers));
      t.same(got, expected, word ?? 'nothing said');
    }
  },
);

t.test('offers of ours: plain, with keys, or both, in the order of the policy', { skip }, async (t) => {
  await using bench = await mediaBench();
  const offered = async (headers: Headers) => {
    const endpoint = await bench.ms.createEndpoint({ headers });
    const lines = endpoint.local.sdp.match(/^(m=audio \d+ (\S+)|a=crypto:\d+ (\S+))/gm) ?? [];
    await endpoint.destroy();
    return lines.map((line) => line.replace(/^(m=audio \d+|a=crypto:\d+) /, ''));
  };
  const suites = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_80'];
  t.same(await offered({}), ['RTP/AVP']);
  t.same(await offered({ 'X-Secure-RTP': 'true' }), ['RTP/SAVP', ...suites]);
  t.same(await offered({ 'X-Secure-Media': 'required' }), ['RTP/SAVP', ...suites]);
  t.same(await offered({ 'X-Secure-Media': 'preferred' }), ['RTP/SAVP', ...suites, 'RTP/AVP']);
  const two = 'mandatory:AES_CM_128_HMAC_SHA1_32:AES_CM_128_HMAC_SHA1_80';
  t.same(await offered({ 'X-Secure-Media': two }), ['RTP/SAVP', 'AES_CM_128_HMAC_SHA1_32', 'AES_CM_128_HMAC_SHA1_80']);
  t.same(await offered({ 'X-Secure-Media': 'forbidden', 'X-Secure-RTP': 'true' }), ['RTP/AVP']);
});

t.test(
  'the variables of a running call hold for its next offer; new keys are taken up, and heard',
  { skip },
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call('required');
    await hears(t, endpoint, phone, 'the first keys');
    const dump = await endpoint.getChannelVariables();
    t.equal(dump.variable_rtp_secure_media_negotiated, 'AEAD_AES_256_GCM');
    const keyOf = (sdp: string) => /a=crypto:\d+ (\S+) inline:(\S+)/.exec(sdp);
    const first = keyOf(endpoint.local.sdp)?.[2];

    await endpoint.set('rtp_secure_media', 'mandatory:AES_256_CM_HMAC_SHA1_80');
    const answer = await endpoint.modify(phone.offer());
    t.equal(keyOf(answer)?.[1], 'AES_256_CM_HMAC_SHA1_80');
    t.not(keyOf(answer)?.[2], first);
    phone.accept(answer);
    await hears(t, endpoint, phone, 'after the re-INVITE');
    await endpoint.set('rtp_secure_media', 'forbidden');
    await t.rejects(endpoint.modify(phone.offer()), 'a policy that changed refuses the next offer');
    await hears(t, endpoint, phone, 'and the call goes on as it was');
    await endpoint.destroy();
  },
);

type Phone = Awaited<ReturnType<MediaBench['phone']>>;

t.test(
  'a peer is heard from behind its NAT, unless the call nails it to the address of its SDP',
  { skip },
  async (t) => {
    await using bench = await mediaBench();
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    t.teardown(() => socket.close());
    await once(socket, 'listening');
    const packet = Buffer.alloc(172, 0xd5);
    const heardWith = async (headers: Headers): Promise<number> => {
      // The description names another port than the packets come from.
      const endpoint = await bench.ms.createEndpoint({ remoteSdp: offer(PLAIN), headers });
      const port = Number(/m=audio (\d+)/.exec(endpoint.local.sdp)?.[1]);
      for (let n = 0; n < 20; n++) {
        writeRtpHeader(packet, n === 0, 0, n, n * 160, 7);
        await new Promise<void>((resolve) => socket.send(packet, port, '127.0.0.1', () => resolve()));
      }
      let count = 0;
      for (let tries = 0; tries < 40 && count === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        count = Number((await endpoint.getChannelVariables(true)).variable_rtp_audio_in_packet_count);
      }
      await endpoint.destroy();
      return count;
    };
    t.ok((await heardWith({})) > 0);
    t.equal(await heardWith({ 'X-Media-Nat': 'false' }), 0);
  },
);

async function hears(t: Test, endpoint: FsmrfEndpoint, phone: Phone, when: string): Promise<void> {
  const playing = endpoint.play(`tone_stream://%(20000,0,${HZ})`);
  t.equal(await phone.hearing(HZ), HZ, when);
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
}
