// `wardline media status`: what the media server of the running appliance counts: calls, threads, lateness, floods.
import type { Command } from 'commander';
import { connectProcess, openContext } from '../context.ts';
import { show } from '../print.ts';
import { statusTable } from '../status-table.ts';

export function addMediaCommands(program: Command): void {
  program
    .command('media')
    .description('The media server of the running appliance.')
    .command('status')
    .description('Show its calls, ports and threads, how late it was at worst, and what was cut as a flood.')
    .option('--json', 'print JSON')
    .action(status);
}

async function status(options: { json?: boolean }): Promise<void> {
  using media = connectProcess(openContext(), 'media');
  const { payload } = await media.request('status');
  show(options.json, payload, () => statusTable(payload));
}
