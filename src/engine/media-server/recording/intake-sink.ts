// Recording into the vault: µ-law to the intake in this process, no file; what comes before the vault's answer waits in memory.
import type { Clock } from '../../../kernel/clock.ts';
import { codeOf } from '../../../kernel/errors.ts';
import { pcmu } from '../../../kernel/g711.ts';
import type { Capture } from '../../../seal/intake-client.ts';
import type { Intake } from '../host/host.ts';
import type { RecordingSink } from './sink.ts';

/** Ticks that may wait for the vault to answer `begin`: 10 seconds. */
const MAX_WAITING_TICKS = 500;

/** How often a vault that is not there is asked again, as long as audio may wait. */
const RETRY_MS = 200;
const MAX_TRIES_AFTER_END = 50;
const WORTH_RETRYING = new Set(['link-closed', 'link-busy', 'deadline']);

/** A capture of `artifactId` with 1 or 2 interleaved channels. */
export function intakeSink(intake: Intake, artifactId: string, channels: 1 | 2, clock: Clock): RecordingSink {
  const waiting: Uint8Array[] = [];
  let capture: Capture | undefined;
  let coded = new Uint8Array(0);
  let samples = 0;
  let hasFailed = false;
  let hasEnded = false;
  let tries = 0;

  const sink: RecordingSink = {
    onFailure: undefined,
    get bytes() {
      return samples * channels;
    },
    write(frame) {
      if (hasFailed) return;
      if (coded.length !== frame.length) coded = new Uint8Array(frame.length);
      pcmu.encode(frame, frame.length, coded, 0);
      if (capture !== undefined) capture.write(coded, samples);
      else if (waiting.length < MAX_WAITING_TICKS) waiting.push(coded.slice());
      else fail();
      samples += frame.length / channels;
    },
    async end() {
      hasEnded = true;
      await begun;
      if (!hasFailed) await capture?.end().catch(fail);
    },
  };

  function fail(): void {
    if (hasFailed) return;
    hasFailed = true;
    waiting.length = 0;
    sink.onFailure?.();
  }

  /** Asks until the vault answers, or the audio that waits has become too much. */
  async function begin(): Promise<Capture> {
    for (;;) {
      try {
        return await intake.begin(artifactId);
      } catch (error) {
        // A recording that is over waits no longer than one that goes on.
        const isTooLate = hasFailed || (hasEnded && ++tries > MAX_TRIES_AFTER_END);
        if (isTooLate || !WORTH_RETRYING.has(codeOf(error))) throw error;
        await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
      }
    }
  }

  const begun = begin().then((opened) => {
    if (hasFailed) return;
    if (opened.encoding !== 'ulaw-8000' || opened.channels !== channels) {
      void opened.end().catch(() => undefined);
      fail();
      return;
    }
    capture = opened;
    opened.onFailure(fail);
    let at = 0;
    for (const bytes of waiting.splice(0)) {
      opened.write(bytes, at);
      at += bytes.length / channels;
    }
  }, fail);
  return sink;
}
