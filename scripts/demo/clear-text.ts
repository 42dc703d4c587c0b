// Looks through folders for what must not be there in clear: a number in every usual spelling, a stretch of audio as µ-law or PCM.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pcma, pcmu } from '../../src/kernel/g711.ts';

/** The spellings in which a text could rest. */
export function spellings(value: string): Array<{ how: string; bytes: Buffer }> {
  const raw = Buffer.from(value);
  return [
    { how: 'as it is', bytes: raw },
    { how: 'in UTF-16', bytes: Buffer.from(value, 'utf16le') },
    { how: 'in hex', bytes: Buffer.from(raw.toString('hex')) },
    ...[0, 1, 2].map((offset) => ({ how: 'in base64', bytes: base64Core(raw, offset) })),
  ];
}

/** The part of the base64 of `raw`, standing `offset` bytes into something longer, that its neighbours do not change. */
function base64Core(raw: Buffer, offset: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), raw]).toString('base64');
  const first = offset === 0 ? 0 : offset + 1;
  return Buffer.from(encoded.slice(first, Math.floor(((offset + raw.length) * 8) / 6)));
}

/** 40 ms from the middle of the audio, in the forms in which it passes through. */
export function audioSpellings(samples: Int16Array): Array<{ how: string; bytes: Buffer }> {
  const middle = samples.subarray(samples.length >> 1, (samples.length >> 1) + 320);
  const coded = (codec: typeof pcmu) => {
    const bytes = Buffer.alloc(middle.length);
    codec.encode(middle, middle.length, bytes, 0);
    return bytes;
  };
  return [
    { how: 'µ-law', bytes: coded(pcmu) },
    { how: 'A-law', bytes: coded(pcma) },
    { how: 'PCM', bytes: Buffer.from(middle.slice().buffer) },
  ];
}

/** Every file under the folders in which one of the spellings stands. */
export function searchFolders(
  folders: readonly string[],
  wanted: ReadonlyArray<{ how: string; bytes: Buffer }>,
): string[] {
  const found: string[] = [];
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const content = readFileSync(file);
      for (const { how, bytes } of wanted) if (content.includes(bytes)) found.push(`${file} (${how})`);
    }
  }
  return found;
}
