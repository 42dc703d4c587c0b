// A seeded sample of the SIP fuzzer: parser, stream framing, the stack and the whole edge on loopback, its control socket; `npm run prove:sip` runs it at length.
import t from 'tap';
import { seeded } from '../support/seeded.ts';
import { framingFault, loadCorpus, mutate, parserFault } from '../support/sip-fuzz.ts';
import { fuzzedControl } from '../support/sip-fuzz-control.ts';
import { fuzzedEdge } from '../support/sip-fuzz-edge.ts';
import { fuzzedStack } from '../support/sip-fuzz-stack.ts';

const corpus = loadCorpus();
const PARSED = 20_000;
const FRAMED = 150;
const THROWN = 600;
const THROWN_AT_EDGE = 500;
const THROWN_AT_CONTROL = 200;
const CALL_EVERY = 100;

t.test('the kept corpus breaks no rule, as it is and split at each byte', async (t) => {
  for (const [index, bytes] of corpus.entries()) {
    const everywhere = Array.from({ length: Math.min(bytes.length, 2_000) }, (_, at) => at);
    t.equal(parserFault(bytes), undefined, `number ${index} parsed`);
    t.equal(framingFault(bytes, everywhere), undefined, `number ${index} framed`);
  }
});

t.test('mutated messages never throw, stall, or read otherwise than they were written', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  for (let count = 0; count < PARSED; count++) {
    const bytes = mutate(random, corpus);
    const fault = parserFault(bytes);
    if (fault === undefined) continue;
    t.fail(`${fault}: ${bytes.toString('base64')}`);
    break;
  }
  t.pass(`${PARSED} inputs`);
});

t.test('mutated streams give the same items however they are split', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  for (let count = 0; count < FRAMED; count++) {
    const bytes = Buffer.concat([mutate(random, corpus), mutate(random, corpus)]).subarray(0, 8_000);
    const splits = Array.from({ length: 40 }, () => random.below(bytes.length + 1));
    const fault = framingFault(bytes, splits);
    if (fault === undefined) continue;
    t.fail(`${fault}: ${bytes.toString('base64')}`);
    break;
  }
  t.pass(`${FRAMED} streams`);
});

t.test('the stack lives through hostile bytes, the next call works, and nothing is left over', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  await using fuzzed = await fuzzedStack(random);
  for (let count = 1; count <= THROWN; count++) {
    await fuzzed.throwAt(mutate(random, corpus));
    if (count % CALL_EVERY === 0) await fuzzed.goodCall();
  }
  t.strictSame(fuzzed.thrown, [], 'no handler threw');
  t.equal(await fuzzed.leftOver(), undefined, 'no transaction, connection or timer is left');
});

t.test(
  'the edge and its application live through hostile bytes in and out of calls, and nothing is left over',
  async (t) => {
    const random = seeded();
    t.comment(`WARDLINE_SEED=${random.seed}`);
    await using fuzzed = await fuzzedEdge(random);
    for (let count = 1; count <= THROWN_AT_EDGE; count++) {
      await fuzzed.throwOne(corpus);
      if (count % CALL_EVERY === 0) await fuzzed.goodCall();
    }
    t.strictSame(fuzzed.thrown, [], 'no handler threw');
    const { faults } = fuzzed.edge.status().counters;
    t.equal(faults['handler-threw'] ?? 0, 0);
    t.equal(faults['request-failed'] ?? 0, 0);
    t.equal(await fuzzed.leftOver(), undefined, 'no application, dialog, transaction, connection or timer is left');
  },
);

t.test('the control socket lives through garbage, and still tells its status', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  await using fuzzed = await fuzzedControl(random);
  for (let count = 0; count < THROWN_AT_CONTROL; count++) await fuzzed.throwOne();
  t.equal(await fuzzed.fault(), undefined);
});
