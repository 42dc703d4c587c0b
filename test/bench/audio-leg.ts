// How many legs one core carries: pairs of legs talk over loopback by SRTP, as fast as they can. `node test/bench/audio-leg.ts [pairs]`
import { randomBytes } from 'node:crypto';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/suite.ts';
import { masterBytes } from '../../src/protocol/rtp/suite.ts';
import type { SrtpKey, SrtpSession } from '../../src/protocol/sdp/audio.ts';

const TICKS = 250;
const TICK_MS = 20;
const pairs = Number(process.argv[2] ?? 50);
const clock = systemClock;
const ports = createMediaPorts({ address: '127.0.0.1', first: 0, last: 0, clock });

async function pair(suite: SrtpSuite | undefined): Promise<[AudioLeg, AudioLeg]> {
  const open = () => openAudioLeg({ ports, clock, random: randomBytes, nat: 'strict' });
  const [a, b] = [await open(), await open()];
  const key = (): SrtpKey => ({ master: new Uint8Array(randomBytes(suite ? masterBytes(suite) : 0)), mkiBytes: 0 });
  const [mine, yours] = [key(), key()];
  const configure = (leg: AudioLeg, peer: AudioLeg, local: SrtpKey, remote: SrtpKey) => {
    const srtp: SrtpSession | undefined = suite && { suite, local, remote };
    const payloadTypes = { send: 0, receive: 0 };
    const shared = { codec: 'PCMU', telephoneEvent: undefined, direction: 'sendrecv' } as const;
    leg.configure({ ...shared, remote: peer.local, payloadTypes, srtp });
  };
  configure(a, b, mine, yours);
  configure(b, a, yours, mine);
  return [a, b];
}

for (const suite of [undefined, 'AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM'] as const) {
  const legs = (await Promise.all(Array.from({ length: pairs }, () => pair(suite)))).flat();
  const before = process.cpuUsage();
  for (let tick = 0; tick < TICKS; tick++) {
    for (const leg of legs) leg.write(leg.read());
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(before);
  const heard = legs.reduce((sum, leg) => sum + leg.stats.packetsReceived, 0);
  const share = (user + system) / 1000 / (TICKS * TICK_MS) / legs.length;
  const legsPerCore = Math.floor(1 / share);
  console.log(`${suite ?? 'plain RTP'}: ${legsPerCore} legs a core (${heard} of ${legs.length * TICKS} packets heard)`);
  for (const leg of legs) leg[Symbol.dispose]();
}
await ports[Symbol.asyncDispose]();
