// The whole appliance under kill -9: a message that is being spoken, each process alone, and what lies in clear afterwards.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { DemoCaller } from '../../scripts/demo/caller.ts';
import { audioSpellings, searchFolders, spellings } from '../../scripts/demo/clear-text.ts';
import { readPrompt } from '../../scripts/demo/hear.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { Appliance } from '../support/appliance.ts';
import { checkout, startAppliance, until } from '../support/appliance.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { steadyTone, toneLevel, totalLevel } from '../support/tone-level.ts';

const NUMBER = '+12125550177';
const NAME = 'Zebulon Canaryworth';
const MAILBOX_KEY = '3';
const BEEP_HZ = 1_000;

/** Calls the clinic, goes to the mailbox and waits for its tone to be over. */
async function reachMailbox(appliance: Appliance): Promise<DemoCaller> {
  const caller = await DemoCaller.open('127.0.0.1');
  await caller.call({
    host: '127.0.0.1',
    port: appliance.carrierUdpPort,
    number: '+12125550100',
    from: NUMBER,
    fromName: NAME,
  });
  await caller.until(() => caller.heardSamples > 4_000, PATIENCE_MS);
  const pressedAt = caller.heardSamples;
  caller.press(MAILBOX_KEY);
  const isBeep = () => {
    const last = caller.heard.subarray(Math.max(pressedAt, caller.heardSamples - 1_600), caller.heardSamples);
    return (
      last.length === 1_600 &&
      toneLevel(last, 8000, BEEP_HZ) > -35 &&
      totalLevel(last) - toneLevel(last, 8000, BEEP_HZ) < 1
    );
  };
  if (!(await caller.until(isBeep, PATIENCE_MS))) throw new Error("The mailbox's tone did not come.");
  await caller.until(() => !isBeep(), PATIENCE_MS);
  return caller;
}

function tone(hz: number, seconds: number): Int16Array {
  const samples = new Int16Array(8000 * seconds);
  new ToneGenerator(steadyTone([hz], -12), 8000).read(samples);
  return samples;
}

function processOf(appliance: Appliance, entry: string): number {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(appliance.process.pid)], {
    encoding: 'utf8',
  });
  return Number(
    stdout
      .split('\n')
      .find((line) => line.includes(entry))
      ?.trim()
      .split(/\s+/)[0],
  );
}

t.setTimeout(300_000);
t.test(
  'kill -9 of the whole appliance in the middle of a voicemail keeps what was said up to a second before',
  async (t) => {
    const first = await startAppliance();
    const caller = await reachMailbox(first);
    const SPOKEN_SECONDS = 4;
    void caller.speak(tone(600, SPOKEN_SECONDS + 2));
    const started = caller.heardSamples;
    await caller.until(() => caller.heardSamples - started >= SPOKEN_SECONDS * 8000, PATIENCE_MS);
    await first.killAll();
    await caller[Symbol.asyncDispose]();

    const second = await first.restart();
    t.teardown(() => second[Symbol.asyncDispose]());
    const message = await second.withPerson(async (vault, caller) => {
      const { rows } = await vault.ask('artifacts.page', { caller, kind: 'voicemail', page: { limit: 5 } });
      const summary = rows[0];
      if (rows.length !== 1 || summary === undefined)
        throw new Error(`There are ${rows.length} messages instead of one.`);
      const ask = { caller, artifactId: summary.id, fromSample: 0, samples: 8000 * 60, play: true };
      return { summary, audio: (await vault.askForBytes('artifact.audio', ask)).body };
    });
    t.equal(message.summary.state, 'cut-off', 'it is listed, and marked as cut off');
    t.equal(message.summary.from, NUMBER);
    const samples = new Int16Array(message.audio.length);
    pcmu.decode(message.audio, 0, message.audio.length, samples, 0);
    t.ok(samples.length >= (SPOKEN_SECONDS - 1) * 8000, `${samples.length / 8000} s of ${SPOKEN_SECONDS} s were kept`);
    t.ok(toneLevel(samples.subarray(-4_000), 8000, 600) > -16, 'the end of it is what was being said');
    const { stdout } = second.cli(['audit', 'verify']);
    t.match(stdout, /The trail holds/);
  },
);

t.test('each process may die: it is started again alone, and the next call works', async (t) => {
  const appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  for (const entry of ['process/edge.ts', 'process/media.ts', 'process/vault.ts', 'appliance.ts']) {
    const before = processOf(appliance, entry);
    const others = ['process/edge.ts', 'process/media.ts', 'process/vault.ts', 'appliance.ts'].filter(
      (each) => each !== entry,
    );
    const pids = others.map((each) => processOf(appliance, each));
    process.kill(before, 'SIGKILL');
    t.ok(
      await until(() => processOf(appliance, entry) > 0 && processOf(appliance, entry) !== before),
      `${entry} is back`,
    );
    t.same(
      others.map((each) => processOf(appliance, each)),
      pids,
      'the others went on',
    );
    const answered = await until(async () => {
      await using caller = await DemoCaller.open('127.0.0.1');
      const to = {
        host: '127.0.0.1',
        port: appliance.carrierUdpPort,
        number: '+12125550100',
        from: NUMBER,
        fromName: NAME,
      };
      const hasAnswered = await Promise.race([
        caller.call(to).then(
          () => true,
          () => false,
        ),
        new Promise<boolean>((resolve) => setTimeout(resolve, 3_000, false)),
      ]);
      const hears =
        hasAnswered &&
        (await caller.until(
          () => totalLevel(caller.heard.subarray(Math.max(0, caller.heardSamples - 4_000), caller.heardSamples)) > -40,
          4_000,
        ));
      await caller.hangUp();
      return hears;
    }, 2 * PATIENCE_MS);
    t.ok(answered, `a call hears the menu after ${entry} died`);
  }
});

t.test(
  'nothing of a call lies in clear: not the number, the name, the digit tones or the audio, in any usual encoding',
  async (t) => {
    const appliance = await startAppliance();
    const speech = readPrompt(join(checkout, 'config', 'prompts', 'en', 'demo', 'message.wav'));
    const caller = await reachMailbox(appliance);
    await caller.speak(tone(437, 2));
    await caller.speak(speech);
    const folders = [appliance.dataFolder, appliance.logFolder, join(appliance.runtimeFolder, 'spool')];
    const wanted = [NUMBER, NUMBER.slice(1), NUMBER.slice(2), NAME, NAME.toLowerCase(), 'Canaryworth'].flatMap(
      spellings,
    );
    const audio = [...audioSpellings(tone(437, 2)), ...audioSpellings(speech)];
    t.same(searchFolders(folders, [...wanted, ...audio]), [], 'while the message is being spoken');
    await caller.hangUp();
    await caller[Symbol.asyncDispose]();
    const kept = await until(
      async () => (await appliance.calls()).some((cdr) => cdr.from === NUMBER && cdr.fromName === NAME),
      10_000,
    );
    t.ok(kept, 'the vault knows who called, so there was something to hide');
    t.same(searchFolders(folders, [...wanted, ...audio]), [], 'after the call');
    await appliance.stop();
    t.same(
      searchFolders([appliance.dataFolder, appliance.logFolder], [...wanted, ...audio]),
      [],
      'after the appliance has stopped',
    );
    await appliance[Symbol.asyncDispose]();
  },
);
