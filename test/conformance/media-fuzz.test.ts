// A seeded sample of the media fuzzer: every parser and protocol machine, then a whole server; `npm run prove:media` runs it at length.
import t from 'tap';
import type { FuzzTarget } from '../support/media-fuzz.ts';
import { FUZZ_TARGETS, faultOf, loadInputs, mutateBytes } from '../support/media-fuzz.ts';
import { fuzzedServer, PARTIES } from '../support/media-fuzz-server.ts';
import { seeded } from '../support/seeded.ts';

/** What costs more is tried less. */
const COUNTS: Readonly<Partial<Record<FuzzTarget, number>>> = {
  rtp: 500,
  srtp: 500,
  srtcp: 500,
  dtls: 300,
  handshake: 100,
};
const USUAL_COUNT = 1_500;
const DATAGRAMS_A_CALL = 300;
const STREAMS = 20;

for (const target of FUZZ_TARGETS) {
  t.test(`${target}: the kept corpus and its mutations break no rule`, async (t) => {
    const random = seeded();
    t.comment(`WARDLINE_SEED=${random.seed}`);
    const corpus = loadInputs(target);
    t.ok(corpus.length > 2);
    const count = COUNTS[target] ?? USUAL_COUNT;
    for (let n = 0; n < corpus.length + count; n++) {
      const bytes = corpus[n] ?? mutateBytes(random, corpus);
      const rule = faultOf(target, bytes, random);
      if (rule === undefined) continue;
      t.fail(`${rule}: ${bytes.toString('hex')}`);
      break;
    }
  });
}

t.test(
  'a server lives through hostile packets and streams, the next call is heard, and nothing is left over',
  async (t) => {
    const random = seeded();
    t.comment(`WARDLINE_SEED=${random.seed}`);
    await using fuzzed = await fuzzedServer(random);
    for (const party of PARTIES) await fuzzed.throwAtCall(party, DATAGRAMS_A_CALL);
    await fuzzed.throwAtEventSocket(STREAMS);
    t.equal(await fuzzed.goodCall(), undefined);
    t.equal(await fuzzed.leftOver(), undefined);
  },
);
