// `npm run prove:sip`: the SIP fuzzer at full count. It stops after 20 minutes at most and goes on where it stopped when run again.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seeded } from '../../test/support/seeded.ts';
import { framingFault, loadCorpus, mutate, parserFault } from '../../test/support/sip-fuzz.ts';
import { fuzzedStack } from '../../test/support/sip-fuzz-stack.ts';

const STATE = new URL('../../var/prove/sip.json', import.meta.url);
const FOUND = new URL('../../test/conformance/corpus/sip/', import.meta.url);

/** Inputs in a batch, and batches in all: 2,000,000 parsed, 20,000 framed, 60,000 thrown at a stack. */
const PARTS = {
  parsed: { inputs: 10_000, batches: 200 },
  framed: { inputs: 200, batches: 100 },
  thrown: { inputs: 600, batches: 100 },
} as const;
type Part = keyof typeof PARTS;
const PART_NAMES: readonly Part[] = ['parsed', 'framed', 'thrown'];

interface Progress {
  readonly seed: number;
  readonly done: Record<Part, number>;
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' }, restart: { type: 'boolean' } } });
const deadline = performance.now() + Number(values.minutes) * 60_000;
const corpus = loadCorpus();
const progress = values.restart === true ? fresh() : resume();
console.log(`Seed ${progress.seed}; ${corpus.length} messages in the corpus.`);

for (const part of PART_NAMES) {
  const { inputs, batches } = PARTS[part];
  while (progress.done[part] < batches && performance.now() < deadline) {
    const batch = progress.done[part];
    const seed = progress.seed + batch * PART_NAMES.length + PART_NAMES.indexOf(part);
    const fault = await runBatch(part, seed, inputs);
    if (fault !== undefined) stop(part, seed, fault);
    progress.done[part] = batch + 1;
    save(progress);
  }
  console.log(`${part}: ${progress.done[part] * inputs} of ${batches * inputs}`);
}

if (PART_NAMES.every((part) => progress.done[part] === PARTS[part].batches)) {
  rmSync(STATE, { force: true });
  console.log('All of it, and no rule was broken.');
} else console.log('The time is up; run it again to go on.');

interface Broken {
  readonly rule: string;
  readonly input?: Buffer;
}

async function runBatch(part: Part, seed: number, inputs: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  if (part === 'thrown') return await throwBatch(seed, inputs);
  for (let count = 0; count < inputs; count++) {
    const bytes = mutate(random, corpus);
    const splits = part === 'framed' ? Array.from({ length: 40 }, () => random.below(bytes.length + 1)) : [];
    const rule = part === 'framed' ? framingFault(bytes, splits) : parserFault(bytes);
    if (rule !== undefined) return { rule, input: bytes };
  }
  return undefined;
}

async function throwBatch(seed: number, inputs: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  await using fuzzed = await fuzzedStack(random);
  let last: Buffer | undefined;
  try {
    for (let count = 1; count <= inputs; count++) {
      last = mutate(random, corpus);
      await fuzzed.throwAt(last);
      if (count % 100 === 0) await fuzzed.goodCall();
    }
  } catch (cause) {
    return { rule: String(cause), ...(last === undefined ? {} : { input: last }) };
  }
  if (fuzzed.thrown.length > 0) return { rule: `a handler threw ${String(fuzzed.thrown[0])}` };
  const left = await fuzzed.leftOver();
  return left === undefined ? undefined : { rule: `left over: ${left}` };
}

/** Keeps the input in the corpus, where every test run tries it. */
function stop(part: Part, seed: number, { rule, input }: Broken): never {
  console.error(`${part}, seed ${seed}: ${rule}`);
  if (input !== undefined) {
    const name = `found-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.sip`;
    writeFileSync(new URL(name, FOUND), input);
    console.error(`The last input is kept as test/conformance/corpus/sip/${name}.`);
  }
  process.exit(1);
}

function fresh(): Progress {
  return { seed: seeded().seed, done: { parsed: 0, framed: 0, thrown: 0 } };
}

function resume(): Progress {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'));
  } catch {
    return fresh();
  }
}

function save(state: Progress): void {
  mkdirSync(new URL('.', STATE), { recursive: true });
  writeFileSync(STATE, JSON.stringify(state));
}
