// The 20 ms beat: as many beats as time has passed, whatever delays them, and none of a long stall made up in a burst.
import t from 'tap';
import { MediaClock } from '../../src/engine/media-server/audio/media-clock.ts';
import type { Clock, Instant } from '../../src/kernel/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

t.test('fifty beats a second for an hour, no drift', (t) => {
  const clock = new ManualClock();
  let beats = 0;
  using ticker = new MediaClock(clock, () => beats++);
  clock.advance(3_600_000);
  t.equal(beats, 180_000);
  t.equal(ticker.skipped, 0);
  t.end();
});

t.test('late timers lose nothing: what was missed follows, one beat a turn', (t) => {
  const manual = new ManualClock();
  let stalledMs = 0;
  // Time that runs on while the process is busy.
  const clock: Clock = {
    now: () => manual.now(),
    monotonic: () => (manual.monotonic() + stalledMs) as Instant,
    after: (ms, action) => manual.after(ms, action),
  };
  let beats = 0;
  using ticker = new MediaClock(clock, () => beats++);
  stalledMs = 300;
  manual.advance(20);
  t.equal(beats, 16, '320 ms have passed');
  t.equal(ticker.skipped, 0);
  t.ok(ticker.takeWorstDelay() >= 299);
  t.equal(ticker.takeWorstDelay(), 0, 'told once');
  stalledMs += 5_000;
  manual.advance(20);
  t.ok(beats <= 16 + 27, 'five seconds are not made up for in one burst');
  t.ok(ticker.skipped > 200);
  t.end();
});

t.test('disposed, it beats no more', (t) => {
  const clock = new ManualClock();
  let beats = 0;
  const ticker = new MediaClock(clock, () => {
    if (++beats === 3) ticker[Symbol.dispose]();
  });
  clock.advance(1_000);
  t.equal(beats, 3);
  t.equal(clock.pending, 0);
  t.end();
});
