// How long drachtio-fsmrf waits for an endpoint, and how many calls are set up in a second.
import type { NamedServer } from '../../support/named-server.ts';
import { percentile, say, watchOwnLateness } from '../figures.ts';
import { type MediaSubject, negotiationFor, openNamed, openWardline } from './subjects.ts';

const WARM_UP = 20;
const ONE_BY_ONE = 150;
const AT_ONCE = 8;
const RATE_SECONDS = 3;
/** Nobody listens there; the endpoints' silence goes nowhere. */
const DISCARD_PORT = 9;

export async function benchSetup(freeswitch: NamedServer | undefined): Promise<void> {
  await setupOf(await openWardline());
  if (freeswitch !== undefined) await setupOf(await openNamed(freeswitch));
}

async function setupOf(opened: MediaSubject): Promise<void> {
  await using subject = opened;
  const times: number[] = [];
  const withOwn = watchOwnLateness();
  for (let i = 0; i < WARM_UP + ONE_BY_ONE; i++) {
    const began = performance.now();
    const endpoint = await subject.endpoint(negotiationFor(DISCARD_PORT));
    if (i >= WARM_UP) times.push(performance.now() - began);
    await endpoint.destroy();
  }
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const aim = subject.name === 'wardline' ? '<= 5 ms' : '(comparator)';
  say(`${subject.name}: endpoint set-up, one by one`, withOwn(`p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms`), aim);
  const until = performance.now() + RATE_SECONDS * 1000;
  let made = 0;
  const one = async () => {
    for (; performance.now() < until; made++) await (await subject.endpoint(negotiationFor(DISCARD_PORT))).destroy();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  say(`${subject.name}: calls set up and ended, ${AT_ONCE} at once`, `${(made / RATE_SECONDS).toFixed(0)} /s`);
}
