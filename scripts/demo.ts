// `npm run demo`: a real call to the running appliance that leaves a message, and then proof of what was heard, kept and sealed.
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliVault } from '../src/cli/context.ts';
import { openContext, openVault } from '../src/cli/context.ts';
import type { Bootstrap } from '../src/config/bootstrap.ts';
import { codeOf, sentenceOf, WardlineError } from '../src/kernel/errors.ts';
import type { Caller } from '../src/vault/shapes.ts';
import { toneLevel, totalLevel } from '../test/support/tone-level.ts';
import { DemoCaller } from './demo/caller.ts';
import { audioSpellings, searchFolders, spellings } from './demo/clear-text.ts';
import { findRecording, readPrompt } from './demo/hear.ts';
import { enrolPerson } from './demo/person.ts';

const CALLER_NUMBER = '+12125550142';
const MENU_KEY = '3';
const MENU_DEADLINE_MS = 15_000;
const TONE_DEADLINE_MS = 30_000;
/** What a found prompt scores at least; other speech stays far below. */
const SURE = 0.8;
const TONE_HZ = 1_000;
const TONE_SAMPLES = 1_600;

const prompts = join(dirname(dirname(fileURLToPath(import.meta.url))), 'config', 'prompts', 'en');
const startedAt = performance.now();
let failures = 0;

/** Prints one step with the time since the start; a step that does not hold makes the exit code 1. */
function step(holds: boolean, sentence: string): void {
  if (!holds) failures++;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${seconds} s  ${holds ? 'ok    ' : 'FAILED'}  ${sentence}\n`);
}

async function main(): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  if (!vault.isRunning)
    throw new WardlineError('not-running', 'The appliance is not running; start it first: npm start');
  const before = await vault.ask('status', {});
  const message = await placeCall(context.bootstrap, vault);
  const local = { actor: { kind: 'local', user: userInfo().username } as const, address: '' };
  await refuseNobody(vault, local);
  await using person = await enrolPerson(vault, local);
  step(true, 'Enrolled a person for a moment, with a password and a second factor; the account goes at the end.');
  await showVault(vault, person.caller, before.counts.voicemails, before.auditSequence);
  showSealed(context.bootstrap, join(context.runtimeFolder, 'spool'), message);
}

async function placeCall(bootstrap: Bootstrap, vault: CliVault): Promise<Int16Array> {
  const { clinic } = await vault.ask('clinic.get', {});
  const did = clinic.dids[0];
  const carrier = bootstrap.listeners.find(({ name, transport }) => name === 'carrier' && transport === 'udp');
  if (did === undefined || carrier === undefined || !clinic.trunks.some((trunk) => trunk.isSample)) {
    throw new WardlineError(
      'no-sample',
      'The demo calls through the sample carrier, which this clinic no longer has; run it on a fresh folder: WARDLINE_VAR=/tmp/demo npm start',
    );
  }
  await using caller = await DemoCaller.open(bootstrap.address);
  await caller.call({ host: carrier.host, port: carrier.port, number: did.number, from: CALLER_NUMBER });
  step(true, `The clinic's number answered a call over SIP, and audio flows.`);

  const menus = ['sample/main-menu', 'sample/after-hours'].map((name) => ({
    name,
    samples: readPrompt(join(prompts, `${name}.wav`)),
  }));
  const best = () =>
    menus
      .map(({ name, samples }) => ({ name, ...findRecording(heard(caller), samples) }))
      .sort((a, b) => b.likeness - a.likeness)[0];
  let found = best();
  for (
    const end = performance.now() + MENU_DEADLINE_MS;
    performance.now() < end && (found?.likeness ?? 0) < SURE;
    found = best()
  ) {
    await caller.until(() => false, 1_000);
  }
  step(
    (found?.likeness ?? 0) >= SURE,
    `Heard the menu: the prompt ${found?.name} was found in the audio with a likeness of ${found?.likeness.toFixed(2)}.`,
  );

  const pressedAt = caller.heardSamples;
  caller.press(MENU_KEY);
  const isTone = () => isPureTone(heard(caller).subarray(Math.max(pressedAt, caller.heardSamples - TONE_SAMPLES)));
  const toned = await caller.until(isTone, TONE_DEADLINE_MS);
  step(toned, `Pressed ${MENU_KEY}, heard the mailbox's greeting, then its tone at ${TONE_HZ} Hz.`);

  await caller.until(() => !isTone(), 2_000);
  const message = readPrompt(join(prompts, 'demo', 'message.wav'));
  await caller.speak(message);
  step(true, `Left a message of ${(message.length / 8000).toFixed(1)} seconds.`);
  await caller.hangUp();
  step(true, 'Hung up.');
  return message;
}

/** Whether these samples are the tone and nothing else, as speech never is. */
function isPureTone(samples: Int16Array): boolean {
  const level = toneLevel(samples, 8000, TONE_HZ);
  return samples.length === TONE_SAMPLES && level > -35 && totalLevel(samples) - level < 1;
}

function heard(caller: DemoCaller): Int16Array {
  return caller.heard.subarray(0, caller.heardSamples);
}

/** Holding the machine is not enough to read what people said. */
async function refuseNobody(vault: CliVault, caller: Caller): Promise<void> {
  const code = await vault.ask('artifacts.page', { caller, kind: 'voicemail', page: { limit: 1 } }).then(
    () => 'shown',
    (thrown: unknown) => codeOf(thrown),
  );
  step(code === 'person-needed', 'Messages are refused to the command line without a person.');
}

async function showVault(
  vault: CliVault,
  caller: Caller,
  voicemailsBefore: number,
  entriesBefore: number,
): Promise<void> {
  const newestMessage = async () =>
    (await vault.ask('artifacts.page', { caller, kind: 'voicemail', page: { limit: 1 } })).rows[0];
  let newest = await newestMessage();
  for (let tries = 0; tries < 20 && newest?.state !== 'complete'; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    newest = await newestMessage();
  }
  const status = await vault.ask('status', {});
  step(
    status.counts.voicemails === voicemailsBefore + 1,
    `The vault holds one message more (${status.counts.voicemails}).`,
  );
  step(
    newest?.from === CALLER_NUMBER && newest.state === 'complete',
    `It is complete, ${((newest?.durationMs ?? 0) / 1000).toFixed(1)} seconds long, from the number that called.`,
  );
  const verified = await vault.ask('audit.verify', { caller });
  step(
    verified.ok && verified.entries > entriesBefore,
    `The audit trail holds, ${verified.entries - entriesBefore} entries longer than before the call.`,
  );
}

function showSealed(bootstrap: Bootstrap, spoolFolder: string, message: Int16Array): void {
  const folders = [bootstrap.dataFolder, bootstrap.logFolder, spoolFolder];
  const number = searchFolders(folders, [...spellings(CALLER_NUMBER), ...spellings(CALLER_NUMBER.slice(2))]);
  step(
    number.length === 0,
    number.length === 0
      ? "The caller's number is nowhere in clear in the data, the spool or the logs."
      : `The caller's number is in clear in ${number.join(', ')}.`,
  );
  const audio = searchFolders(folders, audioSpellings(message));
  step(
    audio.length === 0,
    audio.length === 0
      ? 'The audio is nowhere in clear in the data, the spool or the logs.'
      : `The audio is in clear in ${audio.join(', ')}.`,
  );
}

try {
  await main();
  process.stdout.write(
    failures === 0 ? '\nAll of it holds.\n' : `\n${failures} ${failures === 1 ? 'step' : 'steps'} failed.\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
} catch (thrown) {
  process.stderr.write(`wardline demo: ${sentenceOf(thrown)}\n`);
  process.exitCode = 1;
}
process.exit();
