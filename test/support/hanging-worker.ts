// A leg worker that hangs for ever, in the middle of a loop, when one of its legs is to send the digit D.
import { parentPort } from 'node:worker_threads';
import type { ToWorker } from '../../src/engine/media-server/workers/messages.ts';

await import('../../src/engine/media-server/workers/leg-worker.ts');

parentPort?.on('message', (message: ToWorker) => {
  if (message.type !== 'send-digit' || message.digit !== 'D') return;
  while (performance.now() > 0);
});
