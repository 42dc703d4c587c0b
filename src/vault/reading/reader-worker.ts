// A reader's thread: its own read-only connection and the keys that it was lent; it ends when the vault is locked or closed.
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../kernel/clock.ts';
import { createLogger } from '../../kernel/logger.ts';
import { ArtifactReader } from '../captured/artifact-reader.ts';
import { Keyring } from '../keys/keyring.ts';
import { openReadOnly } from '../store/database.ts';
import { buildCore } from '../store/inner-core.ts';
import { takeKeys } from './reader-keys.ts';
import type { FromReader, ReaderStart, ToReader } from './reader-messages.ts';
import { Reads, refusalOf } from './reads.ts';
import { giveWayTo } from './turn.ts';

/** How nice: where calls take all of the machine, a third of what they get. */
const GIVING_WAY = 5;

if (process.report) process.report.reportOnFatalError = false;

const { path, keys, givesWayTo } = workerData as ReaderStart;
if (givesWayTo !== undefined) giveWay(givesWayTo);
const db = openReadOnly(path);
const { service, records } = takeKeys(keys);
const log = createLogger({ role: 'vault', level: 'silent' });
const core = buildCore({
  ...{ db, keyring: Keyring.forReader(db, service, records), clock: systemClock, log },
  notify: () => undefined,
  isReader: true,
});
const artifacts = new ArtifactReader(core);
const reads = new Reads(core, artifacts);

/** Lowers this thread alone: where Linux asks for a process it takes a thread, too. Elsewhere all threads stay equal. */
function giveWay(waiting: Int32Array): void {
  giveWayTo(waiting);
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.max(getPriority(), GIVING_WAY));
  } catch {
    // no such folder, or it is not allowed
  }
}

function send(message: FromReader, body?: Uint8Array): void {
  parentPort?.postMessage(message, body?.buffer instanceof ArrayBuffer ? [body.buffer] : []);
}

/** What was found damaged since the last answer. */
function found(): { fenced: string[]; tampered: string[] } {
  const fenced = [...core.fenced];
  core.fenced.clear();
  return { fenced, tampered: [...artifacts.tampered] };
}

parentPort?.on('message', (message: ToReader) => {
  if ('end' in message) {
    core.epochs.lock(); // this thread's pages go back to the process as they are
    db.close();
    process.exit();
  }
  if ('tampered' in message) {
    for (const artifactId of message.tampered) artifacts.tampered.add(artifactId);
    return;
  }
  if ('index' in message) {
    void reads.index().catch(() => undefined);
    return;
  }
  const { id, name, ask } = message;
  const progress = (done: number, all: number) => send({ id, done, all });
  const failed = (thrown: unknown) => send({ id, error: refusalOf(thrown), ...found() });
  try {
    reads.run(name, ask as never, progress).then((result) => send({ id, result, ...found() }, result.body), failed);
  } catch (thrown) {
    failed(thrown);
  }
});
