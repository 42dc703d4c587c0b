// What `doctor` looks at on this machine: one verdict and one sentence a check, each with the remedy.
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Bootstrap } from '../../config/bootstrap.ts';
import { isOnRam } from '../../config/runtime-folder.ts';

export interface Check {
  readonly name: string;
  readonly verdict: 'ok' | 'warning' | 'problem';
  /** What was found and, unless all is well, what to do. */
  readonly sentence: string;
}

const GIB = 1024 ** 3;
const LEAST_FREE_BYTES = GIB;
const COMFORTABLE_FREE_BYTES = 10 * GIB;

const ok = (name: string, sentence: string): Check => ({ name, verdict: 'ok', sentence });
const warning = (name: string, sentence: string): Check => ({ name, verdict: 'warning', sentence });
const problem = (name: string, sentence: string): Check => ({ name, verdict: 'problem', sentence });

/** The checks that need nothing but the machine. */
export function machineChecks(bootstrap: Bootstrap, runtimeFolder: string): Check[] {
  return [
    checkKeyFile(bootstrap),
    checkKeyApart(bootstrap),
    checkFirstSecrets(bootstrap),
    checkSpool(runtimeFolder),
    checkSwap(readFileSync('/proc/swaps', 'utf8')),
    checkCoreDumps(readFileSync('/proc/self/limits', 'utf8')),
    checkDisk(bootstrap),
    checkClock(bootstrap),
  ];
}

/** What the start screen says of them: the findings a person must know of before trusting the box. */
export function startWarnings(bootstrap: Bootstrap): string[] {
  return [checkKeyApart(bootstrap), checkFirstSecrets(bootstrap)]
    .filter((check) => check.verdict !== 'ok')
    .map((check) => check.sentence);
}

function checkKeyFile({ keyFile }: Bootstrap): Check {
  if (!existsSync(keyFile))
    return problem('key file', `${keyFile} is not there; restore it, or unlock with the recovery code.`);
  const mode = statSync(keyFile).mode & 0o777;
  if ((mode & 0o377) !== 0) return problem('key file', `${keyFile} has mode ${mode.toString(8)}; run chmod 400 on it.`);
  return ok('key file', `${keyFile} can be read by its owner alone.`);
}

function checkKeyApart({ keyFile, dataFolder }: Bootstrap): Check {
  if (!existsSync(keyFile) || !existsSync(dataFolder)) return ok('key apart from data', 'Nothing to compare yet.');
  if (statSync(keyFile).dev !== statSync(dataFolder).dev)
    return ok('key apart from data', 'The key file is on another file system than the data.');
  return warning(
    'key apart from data',
    'A stolen disk can be read: the key file is on the same file system as the data; move the keys folder to another.',
  );
}

function checkFirstSecrets({ firstSecretsFile }: Bootstrap): Check {
  if (!existsSync(firstSecretsFile)) return ok('first secrets', 'No secret of the first start is on disk.');
  return problem(
    'first secrets',
    `${firstSecretsFile} holds the recovery code in clear; write it on paper and delete that file.`,
  );
}

function checkSpool(runtimeFolder: string): Check {
  if (isOnRam(runtimeFolder)) return ok('spool on RAM', `${runtimeFolder} is on RAM.`);
  return problem('spool on RAM', `${runtimeFolder} is on a disk; mount a tmpfs there, since audio passes through it.`);
}

/** `swaps` is the text of /proc/swaps: a header line and one line an area. */
export function checkSwap(swaps: string): Check {
  const areas = swaps
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? '');
  const onDisk = areas.filter((area) => !area.startsWith('/dev/zram') && !area.startsWith('/dev/dm-'));
  if (areas.length === 0) return ok('swap', 'No swap is in use.');
  if (onDisk.length === 0)
    return warning('swap', `Swap is on ${areas.join(', ')}; make sure that it is encrypted, or run swapoff -a.`);
  return problem(
    'swap',
    `Swap on ${onDisk.join(', ')} can hold clear audio; run swapoff -a and remove it from /etc/fstab.`,
  );
}

/** `limits` is the text of /proc/self/limits. */
export function checkCoreDumps(limits: string): Check {
  const soft = /^Max core file size\s+(\S+)/m.exec(limits)?.[1];
  if (soft === '0') return ok('core dumps', 'Core dumps are off.');
  return warning(
    'core dumps',
    'Core dumps are on in this shell: the processes turn them off for themselves, but their supervisor has this limit; run `ulimit -c 0` before starting, or set LimitCORE=0 in the unit.',
  );
}

function checkDisk({ dataFolder }: Bootstrap): Check {
  const folder = existsSync(dataFolder) ? dataFolder : dirname(dataFolder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${(free / GIB).toFixed(1)} GiB are free for ${dataFolder}`;
  if (free < LEAST_FREE_BYTES) return problem('disk', `${text}; recordings will fail soon: free some space now.`);
  if (free < COMFORTABLE_FREE_BYTES) return warning('disk', `${text}; plan for more.`);
  return ok('disk', `${text}.`);
}

const SYNCHRONIZED_FILE = '/run/systemd/timesync/synchronized';

function checkClock({ headsFile }: Bootstrap): Check {
  const newestHead = existsSync(headsFile) ? statSync(headsFile).mtimeMs : 0;
  if (Date.now() < newestHead - 60_000)
    return problem('clock', 'The clock is behind the newest audit head; set it right before anything is recorded.');
  if (existsSync(SYNCHRONIZED_FILE) || existsSync('/run/chrony'))
    return ok('clock', 'The clock is kept by a time service.');
  return warning('clock', 'No time service was found; install chrony so that records carry the right time.');
}

/** Checks of a running appliance's answers. */
export const verdicts = { ok, warning, problem };
