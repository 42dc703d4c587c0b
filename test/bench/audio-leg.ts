// How many legs one core carries: pairs of legs talk over loopback, by SRTP and by codec, as fast as they can. `node test/bench/audio-leg.ts [pairs]`
import { randomBytes } from 'node:crypto';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { loadOpus } from '../../src/protocol/rtp/opus.ts';
import type { SrtpKey, SrtpSession, SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes } from '../../src/protocol/rtp/srtp-suite.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { AudioCodec } from '../../src/protocol/sdp/audio.ts';
import { CODECS } from '../../src/protocol/sdp/codecs.ts';
import { steadyTone } from '../support/tone-level.ts';

const TICKS = 250;
const TICK_MS = 20;
const pairs = Number(process.argv[2] ?? 50);
const clock = systemClock;
const ports = createMediaPorts({ address: '127.0.0.1', first: 0, last: 0, clock });

async function pair(suite: SrtpSuite | undefined, codec: AudioCodec): Promise<[AudioLeg, AudioLeg]> {
  const open = () => openAudioLeg({ ports, clock, random: randomBytes, nat: 'strict' });
  const [a, b] = [await open(), await open()];
  const key = (): SrtpKey => ({ master: new Uint8Array(randomBytes(suite ? masterBytes(suite) : 0)), mkiBytes: 0 });
  const [mine, yours] = [key(), key()];
  const configure = (leg: AudioLeg, peer: AudioLeg, local: SrtpKey, remote: SrtpKey) => {
    const srtp: SrtpSession | undefined = suite && { suite, local, remote };
    const { type } = CODECS[codec];
    const payloadTypes = { send: type, receive: type };
    const shared = { codec, telephoneEvent: undefined, direction: 'sendrecv' } as const;
    leg.configure({ ...shared, remote: peer.local, payloadTypes, srtp });
  };
  configure(a, b, mine, yours);
  configure(b, a, yours, mine);
  return [a, b];
}

await loadOpus();
const CASES: readonly (readonly [AudioCodec, SrtpSuite | undefined])[] = [
  ['PCMU', undefined],
  ['PCMU', 'AES_CM_128_HMAC_SHA1_80'],
  ['PCMU', 'AEAD_AES_256_GCM'],
  ['G722', undefined],
  ['opus', undefined],
];
for (const [codec, suite] of CASES) {
  const legs = (await Promise.all(Array.from({ length: pairs }, () => pair(suite, codec)))).flat();
  const tone = new ToneGenerator(steadyTone([310, 730, 1900], -24), 8000);
  const voice = new Int16Array(160);
  const before = process.cpuUsage();
  for (let tick = 0; tick < TICKS; tick++) {
    tone.read(voice);
    for (const leg of legs) {
      leg.read();
      leg.write(voice);
    }
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(before);
  const heard = legs.reduce((sum, leg) => sum + leg.stats.packetsReceived, 0);
  const share = (user + system) / 1000 / (TICKS * TICK_MS) / legs.length;
  const legsPerCore = Math.floor(1 / share);
  const what = `${codec}, ${suite ?? 'plain RTP'}`;
  console.log(`${what}: ${legsPerCore} legs a core (${heard} of ${legs.length * TICKS} packets heard)`);
  for (const leg of legs) leg[Symbol.dispose]();
}
await ports[Symbol.asyncDispose]();
