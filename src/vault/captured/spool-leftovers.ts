// What a media server left in the spool when everything went down: sealed into a new segment of its recording, then unlinked. FORMAT.md §6.
import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureSealer } from '../../seal/capture-sealer.ts';
import { bytesPerSample, SPOOL_FILE } from '../../seal/intake.ts';
import type { InnerCore } from '../store/inner-core.ts';
import type { Artifacts } from './artifacts.ts';

const READ_BYTES = 256 * 1024;

/** Called at a start, before open artifacts are closed. Answers how many recordings got their end. */
export async function sealLeftovers(core: InnerCore, artifacts: Artifacts, spoolFolder: string): Promise<number> {
  if (!existsSync(spoolFolder)) return 0;
  const open = new Set(artifacts.rows.open().filter((artifactId) => !artifacts.tampered.has(artifactId)));
  let sealed = 0;
  for (const name of readdirSync(spoolFolder)) {
    const artifactId = SPOOL_FILE.exec(name)?.[1];
    if (artifactId === undefined) continue;
    const path = join(spoolFolder, name);
    try {
      if (open.has(artifactId)) {
        await sealFile(artifacts, artifactId, path);
        sealed++;
      }
    } catch (thrown) {
      core.log.error({ err: thrown, artifact: artifactId }, 'what the spool held of a recording could not be kept');
    }
    rmSync(path, { force: true }); // audio in clear stays nowhere
  }
  return sealed;
}

/** What was sealed before is left out; nothing is ended, since the call was cut off. */
async function sealFile(artifacts: Artifacts, artifactId: string, path: string): Promise<void> {
  const { intake } = artifacts;
  intake.resume(artifacts.get(artifactId));
  const grant = intake.begin(artifactId);
  using sealer = new CaptureSealer(artifactId, grant);
  const sampleBytes = bytesPerSample(grant.encoding, grant.channels);
  const buffer = Buffer.alloc(READ_BYTES - (READ_BYTES % sampleBytes));
  const file = openSync(path, 'r');
  try {
    for (let at = 0; ; ) {
      const read = readSync(file, buffer, 0, buffer.length, at);
      const isEnd = read < sampleBytes;
      const frames = isEnd ? sealer.flush() : sealer.write(buffer.subarray(0, read), at / sampleBytes);
      const sent = frames.map((frame) =>
        frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
      );
      intake.flush();
      await Promise.all(sent);
      if (isEnd) return;
      at += read - (read % sampleBytes);
    }
  } finally {
    closeSync(file);
    buffer.fill(0);
  }
}
