// The spoken prompts: every text has its file, and every file sounds like somebody saying it.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { decodeWave, PROMPT_RATE, speechLevel } from '../../src/ops/wave.ts';

const PROMPTS = join(import.meta.dirname, '../../config/prompts/en');
const groups = parse(readFileSync(join(PROMPTS, 'prompts.yaml'), 'utf8')) as Record<string, Record<string, string>>;
const listed = Object.entries(groups).flatMap(([group, prompts]) =>
  Object.entries(prompts).map(([name, text]) => ({ name: `${group}/${name}`, text })),
);

t.test('the list and the folder hold the same prompts, and stay small', async (t) => {
  const files = globSync('*/*.wav', { cwd: PROMPTS }).map((file) => file.replace(/\.wav$/, ''));
  t.same(files.toSorted(), listed.map(({ name }) => name).toSorted());
  const bytes = files.reduce((sum, name) => sum + readFileSync(join(PROMPTS, `${name}.wav`)).length, 0);
  t.ok(bytes < 12_000_000, `${bytes} bytes`);
});

t.test(
  'each is 16 kHz mono PCM16, at speech level, unclipped, as long as its text, and quiet at its ends',
  async (t) => {
    for (const { name, text } of listed) {
      const sound = decodeWave(readFileSync(join(PROMPTS, `${name}.wav`)));
      if (sound === undefined) {
        t.fail(`${name} is not PCM16 mono`);
        continue;
      }
      const seconds = sound.samples.length / sound.rate;
      const level = speechLevel(sound);
      const peak = sound.samples.reduce((max, sample) => Math.max(max, Math.abs(sample)), 0);
      const edge = [...sound.samples.subarray(0, 80), ...sound.samples.subarray(-80)].reduce(
        (max, sample) => Math.max(max, Math.abs(sample)),
        0,
      );
      t.equal(sound.rate, PROMPT_RATE, name);
      t.ok(level > -23 && level < -17, `${name}: ${level.toFixed(1)} dBFS`);
      t.ok(peak < 0.99, `${name}: peak ${peak.toFixed(2)}`);
      t.ok(edge < 0.02, `${name}: begins and ends without a click (${edge.toFixed(3)})`);
      const letters = text.replaceAll(/[^A-Za-z0-9]/g, '').length;
      t.ok(
        seconds > 0.15 + letters * 0.03 && seconds < 0.9 + letters * 0.16,
        `${name}: ${seconds.toFixed(2)} s for ${letters} letters`,
      );
    }
  },
);
