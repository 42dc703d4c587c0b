// `wardline start`: the appliance in this terminal, the same as `npm start`.
import { join } from 'node:path';
import type { Command } from 'commander';
import { runAppliance } from '../../ops/run-appliance.ts';
import { openContext } from '../context.ts';

export function addStartCommand(program: Command): void {
  program
    .command('start')
    .description('Run the appliance in this terminal until Ctrl-C.')
    .action(async () => {
      const { checkout } = openContext('write');
      process.exitCode = await runAppliance({ env: process.env, checkout, sourceFolder: join(checkout, 'src') });
      process.exit();
    });
}
