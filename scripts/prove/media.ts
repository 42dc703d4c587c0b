// `npm run prove:media`: the media fuzzer at full count. It stops after 60 minutes at most and goes on where it stopped when run again.
import { appendFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { FuzzTarget } from '../../test/support/media-fuzz.ts';
import { CORPUS, FUZZ_TARGETS, faultOf, loadInputs, mutateBytes } from '../../test/support/media-fuzz.ts';
import { fuzzedServer, PARTIES } from '../../test/support/media-fuzz-server.ts';
import { seeded } from '../../test/support/seeded.ts';
import { fresh, resume, save } from './progress.ts';

const STATE = new URL('../../var/prove/media.json', import.meta.url);
const BATCHES = 100;

/** Inputs in a batch; there are a hundred batches of each. */
const INPUTS: Readonly<Record<FuzzTarget, number>> = {
  rtp: 3_000,
  rtcp: 20_000,
  srtp: 2_000,
  srtcp: 2_000,
  stun: 10_000,
  dtls: 2_000,
  handshake: 400,
  sdp: 5_000,
  commands: 10_000,
};
/** A whole server, a batch each: datagrams for each kind of party, and streams to the event socket. */
const DATAGRAMS_A_CALL = 1_000;
const STREAMS = 50;

type Part = FuzzTarget | 'server';
const PARTS: readonly Part[] = [...FUZZ_TARGETS, 'server'];

interface Broken {
  readonly rule: string;
  readonly input?: Buffer;
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, restart: { type: 'boolean' } } });
const deadline = performance.now() + Number(values.minutes) * 60_000;
const progress = values.restart === true ? fresh<Part>() : resume<Part>(STATE);
console.log(`Seed ${progress.seed}.`);

for (const part of PARTS) {
  for (let batch = progress.done[part] ?? 0; batch < BATCHES && performance.now() < deadline; batch++) {
    const seed = progress.seed + batch * PARTS.length + PARTS.indexOf(part);
    const broken = part === 'server' ? await serverBatch(seed) : parserBatch(part, seed);
    if (broken !== undefined) stop(part, seed, broken);
    progress.done[part] = batch + 1;
    save(STATE, progress);
  }
  const inputs = part === 'server' ? PARTIES.length * DATAGRAMS_A_CALL + STREAMS : INPUTS[part];
  console.log(`${part}: ${(progress.done[part] ?? 0) * inputs} of ${BATCHES * inputs}`);
}

if (PARTS.every((part) => progress.done[part] === BATCHES)) {
  rmSync(STATE, { force: true });
  console.log('All of it, and no rule was broken.');
} else console.log('The time is up; run it again to go on.');
process.exit(0);

function parserBatch(target: FuzzTarget, seed: number): Broken | undefined {
  const random = seeded(seed);
  const corpus = loadInputs(target);
  for (let count = 0; count < INPUTS[target]; count++) {
    const input = mutateBytes(random, corpus);
    const rule = faultOf(target, input, random);
    if (rule !== undefined) return { rule, input };
  }
  return undefined;
}

async function serverBatch(seed: number): Promise<Broken | undefined> {
  const random = seeded(seed);
  try {
    await using fuzzed = await fuzzedServer(random);
    for (const party of PARTIES) await fuzzed.throwAtCall(party, DATAGRAMS_A_CALL);
    await fuzzed.throwAtEventSocket(STREAMS);
    const rule = (await fuzzed.goodCall()) ?? (await fuzzed.leftOver());
    return rule === undefined ? undefined : { rule };
  } catch (thrown) {
    return { rule: `threw ${String(thrown)}` };
  }
}

/** Keeps the input in the corpus, where every test run tries it. */
function stop(part: Part, seed: number, { rule, input }: Broken): never {
  console.error(`${part}, seed ${seed}: ${rule}`);
  if (input !== undefined) {
    appendFileSync(new URL(`${part}.hex`, CORPUS), `# found: ${rule.split('\n')[0]}\n${input.toString('hex')}\n`);
    console.error(`The input is kept at the end of test/conformance/corpus/media/${part}.hex.`);
  }
  process.exit(1);
}
