// The parts of the leg workers that need no call: slices of ports, and the slot that two threads share.
import t from 'tap';
import { NO_STATS } from '../../src/engine/media-server/audio/stats.ts';
import { LegSlot } from '../../src/engine/media-server/workers/leg-slot.ts';
import { sliceOf } from '../../src/engine/media-server/workers/leg-workers.ts';

t.test('each worker has its own ports, pairs stay whole, and none is left over', (t) => {
  const range = { first: 20_001, last: 20_040 };
  const slices = [0, 1, 2].map((index) => sliceOf(range, index, 3));
  t.same(slices, [
    { first: 20_002, last: 20_013 },
    { first: 20_014, last: 20_025 },
    { first: 20_026, last: 20_039 },
  ]);
  t.same(sliceOf({ first: 0, last: 0 }, 1, 3), { first: 0, last: 0 }, 'the system chooses');
  t.end();
});

t.test('a slot carries samples of both rates, each frame once', (t) => {
  const ours = new LegSlot();
  const theirs = new LegSlot(ours.memory);
  const wide = Int16Array.from({ length: 320 }, (_, i) => i - 100);
  theirs.putHeard(wide);
  t.same(ours.heard(320), wide);
  t.equal(ours.heard(160), undefined, 'not as if it were of another rate');
  ours.putSaid(wide.subarray(0, 160));
  t.same(theirs.takeSaid(), wide.subarray(0, 160));
  t.equal(theirs.takeSaid(), undefined, 'what was sent is not sent again');
  t.end();
});

t.test('every counter crosses to the main thread', (t) => {
  const numbers = Object.fromEntries(Object.keys(NO_STATS).map((name, i) => [name, i + 1]));
  const counted = Object.assign({ ...NO_STATS }, numbers);
  const ours = new LegSlot();
  const theirs = new LegSlot(ours.memory);
  theirs.putStats(counted);
  t.same(ours.stats(), counted);
  theirs.putStats({ ...counted, roundTripMs: undefined });
  t.equal(ours.stats().roundTripMs, undefined);
  t.end();
});
