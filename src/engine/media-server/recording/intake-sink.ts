// Recording into the vault: µ-law to the intake in this process, no file; what comes before the vault's answer waits in memory.
import { pcmu } from '../../../protocol/rtp/g711.ts';
import type { Capture } from '../../../seal/intake-client.ts';
import type { Intake, RecordingSink } from './sink.ts';

/** Ticks that may wait for the vault to answer `begin`: 10 seconds. */
const MAX_WAITING_TICKS = 500;

/** A capture of `artifactId` with 1 or 2 interleaved channels. */
export function intakeSink(intake: Intake, artifactId: string, channels: 1 | 2): RecordingSink {
  const waiting: Uint8Array[] = [];
  let capture: Capture | undefined;
  let coded = new Uint8Array(0);
  let samples = 0;
  let hasFailed = false;

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

  const begun = intake.begin(artifactId).then((opened) => {
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
