// A drill on a thread of its own: hours of opening and hashing that no call waits for.
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '../../kernel/clock.ts';
import { codeOf, sentenceOf, WardlineError } from '../../kernel/errors.ts';
import type { DrillOptions, DrillResult } from './drill.ts';
import type { DrillRunner } from './drill-schedule.ts';

type Task = Parameters<DrillRunner>[0];
type Told = { readonly result: DrillResult } | { readonly error: { readonly code: string; readonly sentence: string } };

export const runOnThread: DrillRunner = (options) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { drill: options } });
    worker.unref();
    worker.once('message', (told: Told) => {
      if ('result' in told) resolve(told.result);
      else reject(new WardlineError(told.error.code, told.error.sentence));
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new WardlineError('drill-failed', 'The drill ended before it was done.')));
  });

const task = (workerData as { drill?: Task } | null)?.drill;
if (task !== undefined) {
  const { runDrill } = await import('./drill.ts');
  const options: DrillOptions = { ...task, clock: systemClock };
  const told: Told = await runDrill(options).then(
    (result) => ({ result }),
    (thrown: unknown) => ({ error: { code: codeOf(thrown), sentence: sentenceOf(thrown) } }),
  );
  parentPort?.postMessage(told);
}
