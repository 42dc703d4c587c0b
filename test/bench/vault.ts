// `npm run bench:vault`: the vault's speed against the aims of its design, with plain libsodium, plain SQLite and SQLite with whole-file
// encryption beside it in the same run. Options: the parts to run (audio live calls backup; all of them when none is named),
// --calls 20000 (1000000 for the whole table), --megabytes 200 (10000), --folder /dev/shm (a disk's, to include its syncs),
// --kept <folder>: the calls' vault is made there once, which takes 15 minutes a million, and found again by the next run.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { sayWhere } from './figures.ts';
import { benchAudio } from './vault/audio.ts';
import { benchBackup } from './vault/backup.ts';
import { benchCalls } from './vault/calls.ts';
import { benchLive } from './vault/live.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: 'string', default: '20000' },
    megabytes: { type: 'string', default: '200' },
    kept: { type: 'string' },
    folder: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
  },
});
const { folder } = values;
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  audio: () => benchAudio(folder),
  live: () => benchLive(folder),
  calls: () => benchCalls(folder, Number(values.calls), values.kept),
  backup: () => benchBackup(folder, Number(values.megabytes)),
};
const chosen = positionals.length > 0 ? positionals : Object.keys(PARTS);
const unknown = chosen.find((part) => PARTS[part] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`There is no part '${unknown}'; choose from ${Object.keys(PARTS).join(', ')}.\n`);
  process.exit(1);
}
sayWhere();
for (const part of chosen) {
  process.stdout.write(`\n${part}, in ${folder}\n`);
  await PARTS[part]?.();
}
process.exit(0); // an opened vault keeps its timers
