// `npm run prove:sip`: the SIP fuzzers at full count, and a day of calls in virtual time. It stops after an hour at most and goes on where it stopped when run again.
// Options: --minutes 60, --restart, --only day (one of the parts)
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { leftBehind, soakDay } from '../../test/soak/sip-day.ts';
import { seeded } from '../../test/support/seeded.ts';
import { framingFault, loadCorpus, mutate, parserFault } from '../../test/support/sip-fuzz.ts';
import { fuzzedControl } from '../../test/support/sip-fuzz-control.ts';
import { fuzzedEdge } from '../../test/support/sip-fuzz-edge.ts';
import { fuzzedStack } from '../../test/support/sip-fuzz-stack.ts';
import { fresh, resume, save } from './progress.ts';

const STATE = new URL('../../var/prove/sip.json', import.meta.url);
const FOUND = new URL('../../test/conformance/corpus/sip/', import.meta.url);
const HOUR_MS = 3_600_000;
const MB = 1_000_000;
/** What the heap may grow by: over all batches at the edge, and from the second hour of the day to its last. */
const GROWTH_BYTES = 12 * MB;
const GOOD_CALL_EVERY = 100;

interface Broken {
  readonly rule: string;
  readonly input?: Buffer;
}

interface Part {
  readonly inputs: number;
  readonly batches: number;
  run(seed: number, inputs: number): Promise<Broken | undefined>;
}

/** 2,000,000 inputs parsed, 20,000 streams framed, 60,000 thrown at a stack, 60,000 at a whole edge, 10,000 at its control socket; 24 hours. */
const PARTS: Readonly<Record<string, Part>> = {
  parsed: { inputs: 10_000, batches: 200, run: parsedBatch },
  framed: { inputs: 200, batches: 100, run: framedBatch },
  thrown: { inputs: 600, batches: 100, run: thrownBatch },
  edge: { inputs: 1_000, batches: 60, run: edgeBatch },
  control: { inputs: 1_000, batches: 10, run: controlBatch },
  day: { inputs: 24, batches: 1, run: dayBatch },
};

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, restart: { type: 'boolean' }, only: { type: 'string' } },
});
const deadline = performance.now() + Number(values.minutes) * 60_000;
const corpus = loadCorpus();
const progress = values.restart === true ? fresh() : resume(STATE);
const collect = collector();
let heapAtEdge: number | undefined;
console.log(`Seed ${progress.seed}; ${corpus.length} messages in the corpus.`);

for (const [index, [name, { inputs, batches, run }]] of Object.entries(PARTS).entries()) {
  if (values.only !== undefined && values.only !== name) continue;
  const from = performance.now();
  const first = progress.done[name] ?? 0;
  for (let batch = first; batch < batches && performance.now() < deadline; batch++) {
    const seed = progress.seed + batch * Object.keys(PARTS).length + index;
    const broken = await run(seed, inputs);
    if (broken !== undefined) stop(name, seed, broken);
    progress.done[name] = batch + 1;
    save(STATE, progress);
  }
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  console.log(`${name}: ${(progress.done[name] ?? 0) * inputs} of ${batches * inputs}, ${seconds} s now`);
}

if (Object.entries(PARTS).every(([name, { batches }]) => progress.done[name] === batches)) {
  rmSync(STATE, { force: true });
  console.log('All of it, and no rule was broken.');
} else console.log('There is more to do; run it again to go on.');
process.exit(0);

async function parsedBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  for (let count = 0; count < inputs; count++) {
    const input = mutate(random, corpus);
    const rule = parserFault(input);
    if (rule !== undefined) return { rule, input };
  }
  return undefined;
}

async function framedBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  for (let count = 0; count < inputs; count++) {
    const input = mutate(random, corpus);
    const splits = Array.from({ length: 40 }, () => random.below(input.length + 1));
    const rule = framingFault(input, splits);
    if (rule !== undefined) return { rule, input };
  }
  return undefined;
}

async function thrownBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  await using fuzzed = await fuzzedStack(random);
  const throwOne = async () => {
    const input = mutate(random, corpus);
    await fuzzed.throwAt(input);
    return input;
  };
  return await bombard({ ...fuzzed, throwOne }, inputs);
}

async function edgeBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  const broken = await edgeBombarded(seed, inputs);
  collect();
  const { heapUsed } = process.memoryUsage();
  // The first batch fills caches and compiles code.
  if (heapAtEdge === undefined) heapAtEdge = heapUsed + GROWTH_BYTES;
  else if (heapUsed > heapAtEdge) return { rule: `the heap grew to ${(heapUsed / MB).toFixed(1)} MB` };
  return broken;
}

async function edgeBombarded(seed: number, inputs: number): Promise<Broken | undefined> {
  await using fuzzed = await fuzzedEdge(seeded(seed));
  const broken = await bombard({ ...fuzzed, throwOne: () => fuzzed.throwOne(corpus) }, inputs);
  const { faults } = fuzzed.edge.status().counters;
  const thrown = ['handler-threw', 'request-failed'].find((word) => (faults[word] ?? 0) > 0);
  return broken ?? (thrown === undefined ? undefined : { rule: thrown });
}

interface Bombarded {
  readonly thrown: readonly unknown[];
  throwOne(): Promise<Buffer>;
  goodCall(): Promise<void>;
  leftOver(): Promise<string | undefined>;
}

async function bombard(target: Bombarded, inputs: number): Promise<Broken | undefined> {
  let input: Buffer = Buffer.alloc(0);
  try {
    for (let count = 1; count <= inputs; count++) {
      input = await target.throwOne();
      if (count % GOOD_CALL_EVERY === 0) await target.goodCall();
    }
  } catch (cause) {
    return { rule: String(cause), input };
  }
  if (target.thrown.length > 0) return { rule: `a handler threw ${String(target.thrown[0])}` };
  const left = await target.leftOver();
  return left === undefined ? undefined : { rule: `left over: ${left}` };
}

async function controlBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  await using fuzzed = await fuzzedControl(seeded(seed));
  for (let count = 0; count < inputs; count++) await fuzzed.throwOne();
  const rule = await fuzzed.fault();
  return rule === undefined ? undefined : { rule };
}

async function dayBatch(seed: number, hours: number): Promise<Broken | undefined> {
  await using day = await soakDay(seeded(seed), HOUR_MS, collect);
  const heap: number[] = [];
  for (let hour = 0; hour < hours; hour++) {
    if (hour % 6 === 5) await day.replaceApplication();
    const end = await day.hour();
    const left = leftBehind(end, day.phones) ?? day.thrown[0];
    if (left !== undefined) return { rule: `hour ${hour} left ${String(left)}` };
    heap.push(end.heapBytes);
  }
  const calls = Object.values(day.calls).reduce((sum, count) => sum + count, 0);
  const [second = 0, last = 0] = [heap[1], heap.at(-1)];
  console.log(
    `  ${calls} calls; heap after hour 2 ${(second / MB).toFixed(1)} MB, at the end ${(last / MB).toFixed(1)} MB`,
  );
  return last > second + GROWTH_BYTES
    ? { rule: `the heap grew by ${((last - second) / MB).toFixed(1)} MB` }
    : undefined;
}

/** Keeps the input in the corpus, where every test run tries it. */
function stop(part: string, seed: number, { rule, input }: Broken): never {
  console.error(`${part}, seed ${seed}: ${rule}`);
  if (input !== undefined) {
    const name = `found-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.sip`;
    writeFileSync(new URL(name, FOUND), input);
    console.error(`The last input is kept as test/conformance/corpus/sip/${name}.`);
  }
  process.exit(1);
}

/** Frees what nobody holds, so that what is measured is held. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
