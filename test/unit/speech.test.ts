// A menu's own text, spoken by the real flite: heard as speech, kept off the command line, and gone from the RAM folder.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { promptKey, speak, speakFor } from '../../src/ops/speech.ts';
import { decodeWave, encodeWave, finishPrompt, speechLevel } from '../../src/ops/wave.ts';

const hasFlite = spawnSync('flite', ['--version'], { stdio: 'ignore', timeout: 10_000 }).error === undefined;
const needsFlite = { skip: hasFlite ? false : 'flite is not installed: apt-get install flite' };
const hasEspeak = spawnSync('espeak-ng', ['--version'], { stdio: 'ignore', timeout: 10_000 }).error === undefined;
const needsEspeak = { skip: hasEspeak ? false : 'espeak-ng is not installed: apt-get install espeak-ng' };
const ram = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : '/tmp', 'wardline-test-'));
t.teardown(() => rmSync(ram, { recursive: true, force: true }));

/** A program of ours in the text-to-speech program's place. */
function fakeProgram(script: string): string {
  const path = join(ram, 'flite');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o700);
  return path;
}

t.test('a sentence becomes a prompt like the standard ones, and nothing stays behind', needsFlite, async (t) => {
  const text = 'Thank you for calling Example Clinic; it is Zoë\'s day off. "Press" one & two | three < four.';
  const sound = decodeWave(await speak(text, { program: 'flite', ramFolder: ram }));
  t.equal(sound?.rate, 16_000);
  const seconds = (sound?.samples.length ?? 0) / 16_000;
  t.ok(seconds > 3 && seconds < 15, `${seconds.toFixed(1)} s`);
  t.ok(sound && Math.abs(speechLevel(sound) + 20) < 3);
  t.same(readdirSync(ram), []);
});

t.test('text that begins like an option is text', needsFlite, async (t) => {
  const sound = decodeWave(await speak('-lv --help', { program: 'flite', ramFolder: ram }));
  t.ok(sound && sound.samples.length > 8_000);
});

t.test(
  'the media server is spoken for by the engines that there are, in a voice that there is',
  needsFlite,
  async (t) => {
    const spoken = await speakFor({ engine: 'flite', voice: '../../etc/passwd', text: 'Good morning.' });
    t.ok((decodeWave(spoken ?? new Uint8Array(0))?.samples.length ?? 0) > 8_000);
    t.equal(await speakFor({ engine: 'sh', voice: 'slt', text: 'Good morning.' }), undefined);
    t.equal(await speakFor({ engine: 'flite', voice: 'slt', text: '…' }), undefined, 'nothing to say');
  },
);

t.test('espeak-ng speaks under both of its names, in languages that look like languages', needsEspeak, async (t) => {
  for (const [engine, voice] of [
    ['espeak', 'en-us'],
    ['espeak-ng', '../../etc/passwd'],
  ] as const) {
    const sound = decodeWave((await speakFor({ engine, voice, text: '-v Good morning.' })) ?? new Uint8Array(0));
    t.ok(sound && sound.samples.length > 8_000 && Math.abs(speechLevel(sound) + 20) < 3, `${engine}, ${voice}`);
  }
});

t.test('the text is in no argument and no environment of the program', async (t) => {
  const program = fakeProgram(
    `tr '\\0' ' ' < /proc/$$/cmdline > '${join(ram, 'seen')}'; env >> '${join(ram, 'seen')}'; exit 1`,
  );
  await t.rejects(speak('canary sentence', { program, ramFolder: ram }), { code: 'speech-failed' });
  t.notMatch(readFileSync(join(ram, 'seen'), 'utf8'), /canary/);
  t.same(readdirSync(ram).toSorted(), ['flite', 'seen'], 'and the text was removed after the failure');
});

t.test('what cannot be spoken is refused with a sentence that says what to do', async (t) => {
  await t.rejects(speak('  … \u0000 '), { code: 'speech-empty' });
  await t.rejects(speak('word '.repeat(1_000)), { code: 'speech-too-long' });
  await t.rejects(speak('Hello.', { program: '/nonexistent/flite' }), {
    code: 'speech-no-program',
    message: /apt-get install flite/,
  });
  await t.rejects(speak('Hello.', { ramFolder: '/nonexistent' }), { code: 'speech-no-ram' });
  await t.rejects(speak('Hello.', { program: fakeProgram('exit 0'), ramFolder: ram }), { code: 'speech-failed' });
});

t.test('the same text has the same key, another text another', async (t) => {
  t.equal(promptKey('Zoë'), promptKey(' Zoe\u0308 '));
  t.not(promptKey('Press 1.'), promptKey('Press 2.'));
  t.match(promptKey('Press 1.'), /^[0-9a-f]{32}$/);
});

t.test('a tone keeps its pitch through resampling, is levelled, and trimmed to its edges', async (t) => {
  const samples = Float32Array.from({ length: 48_000 }, (_, i) =>
    i > 12_000 && i < 36_000 ? 0.02 * Math.sin((2 * Math.PI * 1_000 * i) / 24_000) : 0,
  );
  const sound = finishPrompt({ rate: 24_000, samples }, 100);
  t.ok(Math.abs(sound.samples.length - 1.2 * 16_000) < 400, 'one second and two edges');
  t.ok(Math.abs(speechLevel(sound) + 20) < 1);
  const middle = sound.samples.subarray(3_200, 16_000);
  const periods = middle.filter((sample, i) => i > 0 && sample >= 0 && (middle[i - 1] ?? 0) < 0).length;
  t.ok(Math.abs(periods - 800) <= 1, `${periods} periods in 0.8 s`);
  t.same(decodeWave(encodeWave(sound))?.samples.length, sound.samples.length);
});

t.test('bytes that are no WAV are undefined, never an error', async (t) => {
  const wave = encodeWave({ rate: 16_000, samples: new Float32Array(100) });
  for (let length = 0; length < wave.length; length++) decodeWave(wave.subarray(0, length));
  for (let at = 0; at < 44; at++) decodeWave(wave.map((byte, index) => (index === at ? 255 - byte : byte)));
  t.equal(decodeWave(new Uint8Array(100)), undefined);
});
