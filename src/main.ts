// `npm start`: reads the environment, supervises the processes until a signal; nothing else.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAppliance } from './ops/run-appliance.ts';

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
process.exitCode = await runAppliance({ env: process.env, checkout, sourceFolder: join(checkout, 'src') });
process.exit();
