// Two legs of a new worker talk to each other as fast as they can before it takes calls: code that has never run is slow for who comes first.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../../kernel/clock.ts';
import { masterBytes, type SrtpSuite } from '../../../protocol/rtp/srtp-suite.ts';
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { createMediaPorts } from '../../runtime/media-socket.ts';
import { type AudioLeg, openAudioLeg } from '../audio/leg.ts';

const HOST = '127.0.0.1';
const ROUNDS = 150;
/** One of each kind of cipher. */
const SUITES: readonly SrtpSuite[] = ['AEAD_AES_256_GCM', 'AES_CM_128_HMAC_SHA1_80'];

/** Never rejects: a worker that could not warm up works all the same. */
export async function warmUp(): Promise<void> {
  try {
    await using ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: systemClock });
    for (const suite of SUITES) {
      const open = () => openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'strict' });
      await converse(await open(), await open(), suite);
    }
  } catch {
    // The first calls will be slower.
  }
}

async function converse(first: AudioLeg, second: AudioLeg, suite: SrtpSuite): Promise<void> {
  using _first = first;
  using _second = second;
  const key = () => ({ master: randomBytes(masterBytes(suite)), mkiBytes: 0 });
  const [local, remote] = [key(), key()];
  const terms = (peer: AudioLeg, isFirst: boolean): NegotiatedAudio => ({
    remote: peer.local,
    codec: 'PCMU',
    payloadTypes: { send: 0, receive: 0 },
    telephoneEvent: undefined,
    direction: 'sendrecv',
    srtp: isFirst ? { suite, local, remote } : { suite, local: remote, remote: local },
  });
  first.configure(terms(second, true));
  second.configure(terms(first, false));
  for (let round = 0; round < ROUNDS; round++) {
    first.write(second.read());
    second.write(first.read());
    await new Promise(setImmediate);
  }
}
