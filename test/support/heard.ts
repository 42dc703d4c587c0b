// What a party on a test phone hears: tones by frequency, and the appliance's prompts by their sound.
import { join } from 'node:path';
import { findRecording, readPrompt } from '../../scripts/demo/hear.ts';
import { soundsFolder } from './clinic-bench.ts';
import type { PhoneCall } from './phone.ts';

/** Louder than this, in dBFS, a tone is there. */
export const LOUD = -25;
/** Quieter than this it is not. */
export const SILENT = -60;
const SURE = 0.7;
const TEMPLATE = 4_000;
/** The engines share the process: a long search would stop their audio. */
const LOOK_BACK = 9_600;
const FOUND = Number.POSITIVE_INFINITY;

/** How far each call's audio was searched for each prompt, so that a look costs what is new alone. */
const searched = new WeakMap<PhoneCall, Map<string, number>>();
const recordings = new Map<string, Int16Array>();

/** Whether the party hears that prompt, from about a second before it is first asked for, by its sound. */
export function heard(call: PhoneCall, prompt: string): boolean {
  const marks = searched.get(call) ?? new Map<string, number>();
  searched.set(call, marks);
  const recording = recordings.get(prompt) ?? readPrompt(join(soundsFolder, `${prompt}.wav`));
  recordings.set(prompt, recording);
  const from = marks.get(prompt) ?? Math.max(0, call.heardSamples - LOOK_BACK);
  if (from === FOUND) return true;
  if (!marks.has(prompt)) marks.set(prompt, from);
  if (call.heardSamples - from < TEMPLATE + 1_600) return false;
  // Any half second of it will do: on a busy machine a packet may come too late.
  const news = call.heard.subarray(from, call.heardSamples);
  const lastSkip = Math.max(0, recording.length - TEMPLATE);
  const skips = [1_600, 5_600, 9_600].map((skip) => Math.min(skip, lastSkip));
  const isFound = skips.some((skip) => findRecording(news, recording, skip).likeness > SURE);
  marks.set(prompt, isFound ? FOUND : call.heardSamples - TEMPLATE);
  return isFound;
}

/** Whether the party comes to hear that prompt. */
export function hearsPrompt(call: PhoneCall, prompt: string, deadlineMs = 12_000): Promise<boolean> {
  return call.until(() => heard(call, prompt), deadlineMs);
}

/** Whether the party comes to hear a tone of that frequency. */
export function hears(call: PhoneCall, hz: number): Promise<boolean> {
  return call.until(() => call.level(hz) > LOUD);
}

/** Waits out the tone after which a message is spoken; false when none comes. */
export async function hearsTone(call: PhoneCall, deadlineMs = 15_000): Promise<boolean> {
  const hasBegun = await call.until(() => call.level(1000, 200) > LOUD, deadlineMs);
  return hasBegun && (await call.until(() => call.level(1000, 100) < SILENT));
}

/** Lets `ms` of the call pass. */
export async function talk(call: PhoneCall, ms: number): Promise<void> {
  const until = call.heardSamples + ms * 8;
  await call.until(() => call.heardSamples >= until, ms * 3);
}
