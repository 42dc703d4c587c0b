// `npm run prove:edge`: an unknown user and a wrong password cannot be told apart by time, through the edge and call control, over TLS.
import { ClinicBench } from '../../test/support/clinic-bench.ts';
import { seeded } from '../../test/support/seeded.ts';
import { testClinic } from '../../test/support/test-clinic.ts';

const ROUNDS = 8;
const GUESSES_A_ROUND = 300;
const WARM_UP = 100;
/** Beyond this many standard deviations the two differ; by chance that happens once in two thousand runs. */
const LIMIT = 3.5;

const random = seeded();
console.log(`Seed ${random.seed}; ${ROUNDS} rounds of ${GUESSES_A_ROUND} guesses at each user.`);
const rounds: Array<{ known: number[]; unknown: number[] }> = [];
{
  await using bench = await ClinicBench.start(testClinic());
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(bench, round === 0));
}
report();

/** Both from connections that are new in every round, in an order that nobody knows before. */
async function measure(bench: ClinicBench, isFirst: boolean) {
  const phones = { known: await bench.phone('1001', 'a-guess'), unknown: await bench.phone('1999', 'a-guess') };
  const times = { known: [] as number[], unknown: [] as number[] };
  const guess = async (who: 'known' | 'unknown') => {
    const start = performance.now();
    const { status } = await phones[who].register();
    if (status !== 403) throw new Error(`The ${who} user was answered ${status}; both are to be refused with 403.`);
    return performance.now() - start;
  };
  for (let count = isFirst ? WARM_UP * 5 : WARM_UP; count > 0; count--)
    await guess(random.below(2) === 0 ? 'known' : 'unknown');
  while (times.known.length < GUESSES_A_ROUND || times.unknown.length < GUESSES_A_ROUND) {
    const who = random.below(2) === 0 ? 'known' : 'unknown';
    const ms = await guess(who);
    if (times[who].length < GUESSES_A_ROUND) times[who].push(ms);
  }
  return times;
}

function report(): void {
  const all = (who: 'known' | 'unknown') => rounds.flatMap((round) => round[who]);
  const [known, unknown] = [all('known'), all('unknown')];
  const middle = median(known);
  const z = combined(0);
  // What it would take to be seen: the same numbers with one side made slower.
  const seen = [0.5, 1, 2, 3, 5, 10].find((percent) => Math.abs(combined((middle * percent) / 100) - z) > LIMIT);
  console.log(`wrong password: median ${inMs(middle)}, 95th of a hundred ${inMs(quantile(known, 0.95))}`);
  console.log(`unknown user:   median ${inMs(median(unknown))}, 95th of a hundred ${inMs(quantile(unknown, 0.95))}`);
  console.log(
    `rank sum over all rounds: z = ${z.toFixed(2)}; a difference of ${seen ?? 'more than 10'} % of the median would be seen`,
  );
  if (Math.abs(z) > LIMIT) {
    console.error('An unknown user takes another time than a wrong password.');
    process.exitCode = 1;
  }
}

/** Wilcoxon's rank sum in each round, summed up as standard normal (Stouffer); `slowerMs` is added to the known user's times. */
function combined(slowerMs: number): number {
  const each = rounds.map(({ known, unknown }) =>
    rankSum(
      known.map((ms) => ms + slowerMs),
      unknown,
    ),
  );
  return each.reduce((sum, value) => sum + value, 0) / Math.sqrt(each.length);
}

function rankSum(first: readonly number[], second: readonly number[]): number {
  const ranked = [...first.map((ms) => ({ ms, isFirst: true })), ...second.map((ms) => ({ ms, isFirst: false }))];
  ranked.sort((a, b) => a.ms - b.ms);
  const sum = ranked.reduce((total, { isFirst }, index) => total + (isFirst ? index + 1 : 0), 0);
  const [n, m] = [first.length, second.length];
  return (sum - (n * (n + m + 1)) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

function inMs(ms: number): string {
  return `${ms.toFixed(3)} ms`;
}
