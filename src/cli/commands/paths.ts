// `wardline paths`: where this appliance keeps what, for the person who looks for it.
import type { Command } from 'commander';
import { openContext } from '../context.ts';
import { show } from '../print.ts';

export function addPathsCommand(program: Command): void {
  program
    .command('paths')
    .description('Print the files and folders of this appliance.')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const { bootstrap, runtimeFolder } = openContext();
      const { file, dataFolder, keyFile, headsFile, logFolder } = bootstrap;
      const paths = {
        bootstrap: file,
        data: dataFolder,
        key: keyFile,
        heads: headsFile,
        logs: logFolder,
        runtime: runtimeFolder,
      };
      show(options.json, paths, () =>
        Object.entries(paths)
          .map(([name, path]) => `${name.padEnd(10)}${path}`)
          .join('\n'),
      );
    });
}
