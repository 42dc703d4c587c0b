// `wardline edge` alone, without the rest of the command line: the process that the edge's benchmarks measure.
import { Command } from 'commander';
import { addEdgeCommand } from '../../src/cli/commands/edge.ts';

const program = new Command();
addEdgeCommand(program);
await program.parseAsync();
