// Copies of the trail: written from the vault piece by piece, and checked on any machine with a head and no secret. FORMAT.md §7.4.
import { closeSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { type ExportFault, type ExportVerdict, readTrust, verifyExport } from '../audit/export-verifier.ts';
import { WardlineError } from '../kernel/errors.ts';
import { blake2b, checkSignature } from '../seal/sodium.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller } from '../vault/shapes.ts';
import { openContext, openVault } from './context.ts';
import { notReadable, notWritable, readText } from './files.ts';
import { asPerson, mustBeAllowed } from './person.ts';
import { show } from './print.ts';
import { type Progress, progress } from './progress.ts';

interface ExportFlags {
  readonly from?: string;
  readonly to?: string;
  readonly login?: string;
  readonly json?: boolean;
}

export async function exportTrail(file: string, options: ExportFlags): Promise<void> {
  const range = { ...numberOf('from', options.from), ...numberOf('until', options.to) };
  await using vault = await openVault(openContext());
  using bar = progress();
  const made = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/audit', user);
    return writeExport(vault, caller, file, range, bar);
  });
  bar[Symbol.dispose]();
  show(options.json, { file, ...made }, () =>
    [
      `${file} holds entries ${made.from} to ${made.until}, signed, with numbers and names in clear: treat it as a record of patients.`,
      `Check it anywhere: wardline audit verify --export ${file} --head <a heads file that left this machine>`,
    ].join('\n'),
  );
}

async function writeExport(
  vault: Vault,
  caller: Caller,
  file: string,
  range: { from?: number; until?: number },
  bar: Progress,
): Promise<{ from: number; until: number }> {
  const out = openNew(file);
  try {
    const { exportId, header, head, from, until } = await vault.ask('audit.export', { caller, ...range });
    writeSync(out, `${header}\n`);
    for (let after = from - 1; after < until; ) {
      const { answer, body } = await vault.askForBytes('audit.exportEntries', { caller, exportId, after });
      if (answer.last === after)
        throw new WardlineError(
          'record-damaged',
          `Entry ${after + 1} of the trail is missing; run \`wardline audit verify\`.`,
        );
      writeSync(out, body);
      after = answer.last;
      bar.show('Writing', after - from + 1, until - from + 1, 'entries');
    }
    writeSync(out, `${head}\n`);
    fsyncSync(out);
    return { from, until };
  } catch (thrown) {
    rmSync(file, { force: true }); // half a copy would look like one that was cut off
    throw thrown;
  } finally {
    closeSync(out);
  }
}

interface VerifyFlags {
  readonly head?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Needs the copy, a heads file that left the box, and nothing else: no vault, no appliance. */
export function verifyFile(file: string, { head, key, json }: VerifyFlags): void {
  if (head === undefined && key === undefined) {
    const sentence =
      'Give a heads file that left the machine (--head), or its public key (--key): a copy cannot vouch for itself.';
    throw new WardlineError('head-needed', sentence);
  }
  const trust = readTrust(head === undefined ? '' : readText(head), checkSignature, key);
  if (trust.keys.size === 0) throw new WardlineError('bad-head', `${head} holds no signed head; give another file.`);
  using bar = progress();
  const verdict = verifyExport(() => linesOf(file, bar), trust, { hash: blake2b, check: checkSignature });
  bar[Symbol.dispose]();
  show(json, verdict, () => (verdict.ok ? whole(verdict) : broken(verdict)));
  if (!verdict.ok) process.exitCode = 1;
}

function whole({ from, until, attested }: ExportVerdict): string {
  const outside =
    attested === 0
      ? 'No given head lies within it: that it is the trail which left the machine rests on the signing key alone.'
      : `A head that left the machine attests to it up to entry ${attested}.`;
  return `The copy holds: entries ${from} to ${until}, none altered, removed, reordered, inserted or cut off.\n${outside}`;
}

const SENTENCES: Record<ExportFault, (sequence: number) => string> = {
  'no-export': () => 'its first line is not that of a signed copy of a trail, or was altered',
  'foreign-key': () => 'it is signed by a key that the given head or key does not vouch for',
  altered: (sequence) => `entry ${sequence} was altered`,
  removed: (sequence) => `entry ${sequence} was removed`,
  reordered: (sequence) => `entry ${sequence} is not in its place; entries were reordered`,
  inserted: (sequence) => `something was inserted where entry ${sequence} belongs`,
  'cut-off': (sequence) => `it was cut off before entry ${sequence}`,
  'other-trail': (sequence) => `up to entry ${sequence} it is not the trail that a head was taken from`,
};

function broken({ firstBad }: ExportVerdict): string {
  const { sequence, fault } = firstBad ?? { sequence: 0, fault: 'no-export' };
  return `The copy does NOT hold: ${SENTENCES[fault](sequence)}.`;
}

const READ_BYTES = 1024 * 1024;
/** Longer than any line that the vault writes. */
const MAX_LINE_CHARACTERS = 16 * 1024 * 1024;

/** A file's lines, however long it is; an end without a line feed counts as a line too. */
function* linesOf(file: string, bar: Progress): Generator<string> {
  const descriptor = openToRead(file);
  try {
    const about = fstatSync(descriptor);
    if (about.isDirectory()) throw new WardlineError('file-unreadable', `${file} is a folder; name the copy in it.`);
    const all = about.size;
    const chunk = Buffer.alloc(READ_BYTES);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    let done = 0;
    for (let read = readSync(descriptor, chunk); read > 0; read = readSync(descriptor, chunk)) {
      const parts = (rest + decoder.write(chunk.subarray(0, read))).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > MAX_LINE_CHARACTERS) throw new WardlineError('too-large', `${file} is no copy of a trail.`);
      yield* parts;
      done += read;
      bar.show('Checking', done, all);
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(descriptor);
  }
}

function openToRead(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (cause) {
    throw notReadable(file, cause);
  }
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

function numberOf(name: 'from' | 'until', text: string | undefined): { from?: number; until?: number } {
  if (text === undefined) return {};
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return { [name]: number };
  throw new WardlineError('bad-range', `'${text}' is no number of an entry.`);
}
