// `wardline sip`: what the edge counts, sources that it has banned, and a masked trace of one person's SIP messages.
import { type Command, InvalidArgumentError } from 'commander';
import type { LinkClient } from '../../ipc/client.ts';
import type { NoticeHandler } from '../../ipc/link.ts';
import type { Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { type CliContext, connectProcess, openContext, openVault } from '../context.ts';
import { show, table } from '../print.ts';
import { statusTable } from '../status-table.ts';

const MAX_SECONDS = 3_600;

interface Row {
  readonly address: string;
  readonly covers: string;
  readonly reason: string;
  readonly listener: string;
  readonly untilMs: number;
}

export function addSipCommands(program: Command): void {
  const sip = program.command('sip').description('The SIP edge of the running appliance.');
  sip
    .command('bans')
    .description('List the addresses that are banned just now, or lift the ban of one.')
    .option('--lift <address>', 'lift the ban of this address')
    .option('--json', 'print JSON')
    .action(bans);
  sip
    .command('status')
    .description(
      'Show where SIP is listened for, the connections and dialogs that stand, and what was counted since the start.',
    )
    .option('--json', 'print JSON')
    .action(status);
  sip
    .command('trace')
    .description("Show a person's SIP messages as they come and go, with names, numbers, keys and bodies masked.")
    .argument('<aor>', 'whose: the user part of their SIP address, or all of it')
    .option('--seconds <n>', 'for how long', parseSeconds, 60)
    .action(trace);
}

async function bans(options: { lift?: string; json?: boolean }): Promise<void> {
  const context = openContext();
  using edge = connectEdge(context);
  if (options.lift !== undefined) {
    await lift(context, edge, options.lift);
    return;
  }
  const { payload } = await edge.request('bans.list');
  const rows = Array.isArray(payload) ? payload.flatMap((each: Json) => readRow(each) ?? []) : [];
  show(options.json, rows, () => (rows.length === 0 ? 'Nobody is banned.' : listOf(rows)));
}

async function status(options: { json?: boolean }): Promise<void> {
  using edge = connectEdge(openContext());
  const { payload } = await edge.request('status');
  show(options.json, payload, () => statusTable(payload));
}

async function lift(context: CliContext, edge: LinkClient, address: string): Promise<void> {
  const { payload } = await edge.request('bans.lift', { address });
  const wasBanned = typeof payload === 'object' && payload !== null && 'wasBanned' in payload && payload.wasBanned;
  if (wasBanned !== true) throw new WardlineError('not-banned', `${address} is not banned.`);
  await putOnRecord(context, 'ban-lifted', address);
  process.stdout.write(`The ban of ${address} is lifted.\n`);
}

async function trace(aor: string, { seconds }: { seconds: number }): Promise<void> {
  const context = openContext();
  const ended = Promise.withResolvers<void>();
  using edge = connectEdge(context, ({ payload }, _link, type) => {
    if (type === 'trace.end') ended.resolve();
    const line =
      type === 'trace.line' && typeof payload === 'object' && payload !== null && 'line' in payload && payload.line;
    if (typeof line === 'string') process.stdout.write(`${line}\n\n`);
  });
  await putOnRecord(context, 'sip-trace-started', `${seconds} s`);
  await edge.request('trace.start', { aor, seconds });
  process.stderr.write(`Tracing for ${seconds} seconds; Ctrl-C ends it.\n`);
  await ended.promise;
}

/** Acts at the command line are audited; whom a trace is of stays out of what may be shown. */
async function putOnRecord(context: CliContext, action: 'ban-lifted' | 'sip-trace-started', detail: string) {
  await using vault = await openVault(context);
  await vault.ask('audit.put', { entry: { action, outcome: 'ok', detail, ...context.caller } });
}

function connectEdge(context: CliContext, onNotice?: NoticeHandler): LinkClient {
  return connectProcess(context, 'edge', onNotice);
}

function readRow(value: Json): Row | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = new Map(Object.entries(value));
  const text = (name: string) => String(fields.get(name) ?? '');
  const [address, covers, reason, listener] = [text('address'), text('covers'), text('reason'), text('listener')];
  return { address, covers, reason, listener, untilMs: Number(fields.get('untilMs')) };
}

function listOf(rows: readonly Row[]): string {
  return table(rows, [
    { title: 'Address', value: (row) => row.address },
    { title: 'Why', value: (row) => row.reason },
    { title: 'Listener', value: (row) => row.listener },
    { title: 'Covers', value: (row) => row.covers },
    { title: 'Until (UTC)', value: (row) => new Date(row.untilMs).toISOString().slice(0, 16).replace('T', ' ') },
  ]);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give 1 to ${MAX_SECONDS}.`);
}
