// What a party on a test phone hears: tones by frequency, and the appliance's prompts by their sound.
import { join } from 'node:path';
import { findRecording, readPrompt } from '../../scripts/demo/hear.ts';
import { soundsFolder } from './clinic-bench.ts';
import { PATIENCE_MS } from './patience.ts';
import type { PhoneCall } from './phone.ts';

/** Louder than this, in dBFS, a tone is there. */
export const LOUD = -25;
/** Quieter than this it is not. */
export const SILENT = -60;
const SURE = 0.7;
const TEMPLATE = 4_000;
/** The engines share the process: a long search would stop their audio. */
const LOOK_BACK = 9_600;
/** Half seconds of a prompt that are listened for. */
const MAX_PARTS = 10;
/** 2 kHz keep the voice and lose the cost. */
const SLOWER = 4;
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
  if (call.heardSamples - from < TEMPLATE + 2_400) return false;
  const isFound = isIn(call.heard.subarray(from, call.heardSamples), recording);
  marks.set(prompt, isFound ? FOUND : call.heardSamples - TEMPLATE);
  return isFound;
}

/** Any half second of it will do: on a busy machine a packet may come too late. */
function isIn(news: Int16Array, recording: Int16Array): boolean {
  const lastSkip = Math.max(0, recording.length - TEMPLATE);
  const slowNews = slowed(news);
  const parts = Math.min(MAX_PARTS, 1 + Math.ceil(lastSkip / TEMPLATE));
  return Array.from({ length: parts }, (_, part) => Math.min(1_600 + part * TEMPLATE, lastSkip)).some((from) => {
    const place = bestPlace(slowNews, slowed(recording.subarray(from, from + TEMPLATE)));
    if (place < 0) return false;
    const at = SLOWER * place;
    const near = news.subarray(Math.max(0, at - 2 * SLOWER), at + TEMPLATE + 2 * SLOWER);
    return findRecording(near, recording, from).likeness > SURE;
  });
}

/** A quarter of the samples: where to look closer costs little to find there. */
function slowed(samples: Int16Array): Float64Array {
  return Float64Array.from({ length: Math.floor(samples.length / SLOWER) }, (_, index) => {
    let sum = 0;
    for (let at = index * SLOWER; at < (index + 1) * SLOWER; at++) sum += samples[at] ?? 0;
    return sum;
  });
}

/** Where `template` is likest, or -1 in silence. */
function bestPlace(news: Float64Array, template: Float64Array): number {
  let best = { likeness: 0, at: -1 };
  for (let at = 0; at + template.length <= news.length; at++) {
    let product = 0;
    let energy = 1;
    for (let index = 0; index < template.length; index++) {
      const sample = news[at + index] ?? 0;
      product += sample * (template[index] ?? 0);
      energy += sample * sample;
    }
    const likeness = product / Math.sqrt(energy);
    if (likeness > best.likeness) best = { likeness, at };
  }
  return best.at;
}

/** Whether the party comes to hear that prompt. */
export function hearsPrompt(call: PhoneCall, prompt: string, deadlineMs = PATIENCE_MS): Promise<boolean> {
  return call.until(() => heard(call, prompt), deadlineMs);
}

/** Whether the party comes to hear a tone of that frequency. */
export function hears(call: PhoneCall, hz: number): Promise<boolean> {
  return call.until(() => call.level(hz) > LOUD);
}

/** Waits out the tone after which a message is spoken; false when none comes. */
export async function hearsTone(call: PhoneCall, deadlineMs = PATIENCE_MS): Promise<boolean> {
  const hasBegun = await call.until(() => call.level(1000, 200) > LOUD, deadlineMs);
  return hasBegun && (await call.until(() => call.level(1000, 100) < SILENT));
}

/** Lets `ms` of the call pass. */
export async function talk(call: PhoneCall, ms: number): Promise<void> {
  const until = call.heardSamples + ms * 8;
  await call.until(() => call.heardSamples >= until, ms * 3);
}
