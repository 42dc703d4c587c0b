// Everything that is only read: lists, headers, audio, notes, searches, the trail and its check. It writes nothing and so runs on the
// vault's own thread or on a reader's; what is to be put on record comes back with the answer.
import type { ChainPosition } from '../../audit/chain.ts';
import type { AuditEntry, SealedEntryContent } from '../../audit/entry.ts';
import { filterText, matches } from '../../audit/filter.ts';
import { codeOf, sentenceOf, WardlineError } from '../../kernel/errors.ts';
import { type BackupCheckAsk, checkFiles } from '../backup/check-files.ts';
import { type WriteFilesAsk, type WrittenFiles, writeFiles } from '../backup/write-files.ts';
import type { ArtifactReader } from '../captured/artifact-reader.ts';
import { checkDeeply, type DeepCheckResult } from '../checks/deep-check.ts';
import { checkTrail, SLICE_ENTRIES } from '../checks/trail-check.ts';
import type { AnswerTo, Ask, VaultOperation } from '../contract.ts';
import type { VaultStatus } from '../shapes.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { cursorOf } from '../store/paging.ts';
import type { AdoptedKey } from '../store/record-keys.ts';
import { ArtifactReads } from './artifact-reads.ts';
import { CallReads } from './call-reads.ts';
import { SearchReads } from './search-reads.ts';
import { backgroundTurn, turn } from './turn.ts';

/** What may be asked of a reader, beside operations of the contract. */
export interface ReaderTasks {
  /** The whole audio as a telephone plays it, in the body. */
  'playout.audio': { ask: { artifactId: string }; answer: { durationMs: number } };
  'trail.verify': {
    ask: { heads: readonly { sequence: number; link: string }[] };
    answer: { ok: boolean; entries: number; firstBad?: { sequence: number; problem: string } };
  };
  'backup.files': { ask: BackupCheckAsk; answer: { problems: readonly string[] } };
  'backup.write': { ask: WriteFilesAsk; answer: WrittenFiles };
  'deep-check': { ask: { restMs: number }; answer: DeepCheckResult };
  /** The whole trail, with every row that it speaks of. */
  'trail.check': { ask: { heads: readonly ChainPosition[] }; answer: { problems: readonly string[] } };
  'keys.rewrap': { ask: { limit: number }; answer: { keys: readonly AdoptedKey[] } };
  /** Of the whole file: with a million calls that takes a while. */
  counts: { ask: Record<string, never>; answer: Omit<VaultStatus['counts'], 'users'> };
}

export type ContractRead =
  | 'calls.page'
  | 'call.get'
  | 'artifacts.page'
  | 'artifact.get'
  | 'artifact.audio'
  | 'note.list'
  | 'search'
  | 'audit.page'
  | 'audit.search';

export type ReadName = ContractRead | keyof ReaderTasks;
export type ReadAsk<Name extends ReadName> = Name extends VaultOperation
  ? Omit<Ask<Name>, 'caller'>
  : Name extends keyof ReaderTasks
    ? ReaderTasks[Name]['ask']
    : never;
export type ReadAnswer<Name extends ReadName> = Name extends VaultOperation
  ? AnswerTo<Name>
  : Name extends keyof ReaderTasks
    ? ReaderTasks[Name]['answer']
    : never;

/** An entry as it goes on record, but for who asked. */
export type Said = Omit<AuditEntry, 'actor' | 'address'>;

export interface ReadResult<Answer> {
  readonly answer: Answer;
  readonly body?: Uint8Array;
  readonly said?: Said;
  /** Instead of the answer, once `said` is on record. */
  readonly refusal?: { readonly code: string; readonly sentence: string };
}

type ReadHandlers = {
  readonly [Name in ReadName]: (
    ask: ReadAsk<Name>,
    progress: (done: number, all: number) => void,
  ) => ReadResult<ReadAnswer<Name>> | Promise<ReadResult<ReadAnswer<Name>>>;
};

/** Entries that one search of the trail looks through before it answers with what it has. */
const MAX_SEARCHED = 50_000;
/** A multiple of the slice. */
const PROGRESS_ENTRIES = 10_000;
const PROGRESS_BYTES = 16 * 1024 * 1024;

export class Reads {
  readonly #core: InnerCore;
  readonly #handlers: ReadHandlers;
  readonly #search: SearchReads;
  #isEnded = false;

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    this.#core = core;
    const listed = new ArtifactReads(core, artifacts);
    const calls = new CallReads(core, listed);
    this.#search = new SearchReads(core, artifacts, calls, listed);
    this.#handlers = {
      'calls.page': (ask) => calls.page(ask),
      'call.get': (ask) => calls.get(ask),
      'artifacts.page': (ask) => listed.page(ask),
      'artifact.get': (ask) => listed.get(ask),
      'artifact.audio': (ask) => listed.audio(ask),
      'playout.audio': (ask) => listed.telephoneAudio(ask),
      'note.list': (ask) => this.#search.notes(ask),
      search: (ask) => this.#search.search(ask),
      'audit.page': (ask) => this.#auditPage(ask),
      'audit.search': (ask) => this.#auditSearch(ask),
      'trail.verify': (ask, progress) => this.#verify(ask, progress),
      'backup.files': async (ask, progress) => ({
        answer: { problems: await checkFiles(ask, this.#counted(progress)) },
      }),
      'backup.write': async (ask, progress) => {
        const place = { name: core.db.name, vaultId: core.keyring.vaultId };
        return { answer: await writeFiles(place, ask, this.#counted(progress)) };
      },
      'deep-check': async ({ restMs }, progress) => {
        const rest = () =>
          new Promise<boolean>((resolve) => core.clock.after(restMs, () => resolve(core.keyring.isUnlocked)));
        return { answer: await checkDeeply(core, artifacts, rest, progress) };
      },
      'trail.check': async ({ heads }) => {
        const pause = () => backgroundTurn().then(() => !this.#isEnded);
        return { answer: { problems: await checkTrail(core, artifacts, heads, pause) } };
      },
      'keys.rewrap': ({ limit }) => ({ answer: { keys: core.keyring.isUnlocked ? core.keys.rewrap(limit) : [] } }),
      counts: () => ({ answer: countsOf(core) }),
    };
  }

  /** @throws WardlineError what the operation's contract says */
  run<Name extends ReadName>(
    name: Name,
    ask: ReadAsk<Name>,
    progress: (done: number, all: number) => void = () => undefined,
  ): Promise<ReadResult<ReadAnswer<Name>>> {
    return Promise.resolve(this.#handlers[name](ask, progress));
  }

  /** Builds the search index in the background, a slice at a time, as long as records are unlocked. */
  index(): Promise<void> {
    return this.#search.buildAll();
  }

  /** Drops what is kept in memory: records were locked, or their keys changed. */
  forget(): void {
    this.#search.forget();
  }

  /** What runs through files ends at its next piece. */
  end(): void {
    this.#isEnded = true;
    this.forget();
  }

  /** Gives others their turn after each piece, and tells every 16 MB how much is done. */
  #counted(progress: (done: number, all: number) => void): (bytes: number) => Promise<void> {
    let done = 0;
    let told = 0;
    return async (bytes) => {
      done += bytes;
      if (done - told >= PROGRESS_BYTES) {
        told = done;
        progress(done, 0);
      }
      await backgroundTurn();
      if (this.#isEnded)
        throw new WardlineError('vault-closing', 'The vault is closing; what ran through its files was not finished.');
    };
  }

  #auditPage({ page }: ReadAsk<'audit.page'>): ReadResult<AnswerTo<'audit.page'>> {
    const { before, limit } = cursorOf(page);
    const found = this.#core.trail.before(before, limit + 1);
    const rows = found.slice(0, limit).map(({ state: _state, ...entry }) => entry);
    const said = { action: 'audit-searched', outcome: 'ok', detail: `${rows.length} entries` } as const;
    const last = rows.at(-1);
    const answer = found.length > limit && last !== undefined ? { rows, next: String(last.sequence) } : { rows };
    return { answer, said };
  }

  async #auditSearch({ filter, page }: ReadAsk<'audit.search'>): Promise<ReadResult<AnswerTo<'audit.search'>>> {
    const { before, limit } = cursorOf(page);
    const rows: SealedEntryContent[] = [];
    let next: number | undefined = before;
    for (let looked = 0; next !== undefined && rows.length < limit && looked < MAX_SEARCHED; await turn()) {
      const slice = this.#core.trail.before(next, SLICE_ENTRIES);
      looked += slice.length;
      next = slice.length < SLICE_ENTRIES ? undefined : slice.at(-1)?.sequence;
      for (const { state: _state, ...entry } of slice) {
        if (!matches(entry, filter)) continue;
        rows.push(entry);
        if (rows.length === limit) next = entry.sequence;
        if (rows.length === limit) break;
      }
      if (isBefore(slice.at(-1), filter.since)) next = undefined;
    }
    const detail = `${rows.length} entries, ${filterText(filter)}`;
    const said = { action: 'audit-searched', outcome: 'ok', detail } as const;
    return { answer: next === undefined ? { rows } : { rows, next: String(next) }, said };
  }

  async #verify(
    { heads }: ReadAsk<'trail.verify'>,
    progress: (done: number, all: number) => void,
  ): Promise<ReadResult<ReadAnswer<'trail.verify'>>> {
    const { trail } = this.#core;
    trail.reload();
    const positions = heads.map(({ sequence, link }) => ({ sequence, link: Buffer.from(link, 'hex') }));
    const verifier = trail.verifier(positions);
    const end = trail.sequence;
    for (;;) {
      const entries = trail.after(verifier.entries, SLICE_ENTRIES);
      if (entries.length === 0 || !entries.every((entry) => verifier.push(entry)) || verifier.entries >= end) break;
      if (verifier.entries % PROGRESS_ENTRIES === 0) progress(verifier.entries, end);
      await turn();
    }
    verifier.finish();
    const { entries, firstBad } = verifier;
    return { answer: firstBad === undefined ? { ok: true, entries } : { ok: false, entries, firstBad } };
  }
}

function countsOf({ db }: InnerCore): ReadAnswer<'counts'> {
  const count = (sql: string, ...values: string[]) =>
    db
      .prepare<unknown[]>(sql)
      .pluck()
      .get(...values) as number;
  const ofKind = (kind: string) => count('SELECT count(*) FROM artifacts WHERE kind = ?', kind);
  const calls = count('SELECT count(*) FROM calls');
  return { calls, voicemails: ofKind('voicemail'), recordings: ofKind('recording') };
}

/** The trail is in order of time: nothing further back can fit. An hour is left for a clock that was set. */
function isBefore(last: SealedEntryContent | undefined, since: number | undefined): boolean {
  return since !== undefined && last !== undefined && last.at < since - 3_600_000;
}

/** What was thrown, as it travels. */
export function refusalOf(thrown: unknown): { code: string; sentence: string } {
  return { code: codeOf(thrown), sentence: sentenceOf(thrown) };
}
