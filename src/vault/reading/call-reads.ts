// Call records as they are read: pages newest first, found by number through the blind index, each compared with the trail.
import { WardlineError } from '../../kernel/errors.ts';
import type { Cdr } from '../../model/cdr.ts';
import { termsOf } from '../captured/calls.ts';
import type { AnswerTo } from '../contract.ts';
import { recordsLocked } from '../keys/keyring.ts';
import { keepingOf } from '../retention/keeping.ts';
import type { CapturedRow } from '../store/captured-table.ts';
import { mustBeGenuine } from '../store/genuine.ts';
import { fence, type InnerCore } from '../store/inner-core.ts';
import { cursorOf, pageOf } from '../store/paging.ts';
import type { ArtifactReads } from './artifact-reads.ts';
import type { ReadAsk, ReadResult } from './reads.ts';

export class CallReads {
  readonly #core: InnerCore;
  readonly #artifacts: ArtifactReads;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(core: InnerCore, artifacts: ArtifactReads) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#sql = prepare(core);
  }

  page({ page, number }: ReadAsk<'calls.page'>): ReadResult<AnswerTo<'calls.page'>> {
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
    const { before, limit } = cursorOf(page);
    const rows =
      number === undefined ? this.#sql.newest.all(before, limit + 1) : this.ofNumber(number, before, limit + 1);
    const answer = pageOf(
      rows as CapturedRow[],
      limit,
      (row) => this.open(row),
      (row) => fence(this.#core, 'calls', row),
    );
    const detail = `${answer.rows.length} calls${number === undefined ? '' : `, of ${number}`}`;
    return { answer, said: { action: 'calls-listed', outcome: 'ok', detail } };
  }

  get({ callId, within }: ReadAsk<'call.get'>): ReadResult<AnswerTo<'call.get'>> {
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
    const row = this.#core.calls.get(callId);
    if (row === undefined) throw new WardlineError('call-unknown', 'There is no such call.');
    const call = this.open(row);
    const artifacts = this.#artifacts.known(call.artifacts, within);
    const answer = { call, artifacts, ...keepingOf(this.#core, row, 'cdr') };
    return { answer, said: { action: 'call-read', outcome: 'ok', subject: callId } };
  }

  /** Newest first, those before `before`. @throws WardlineError `bad-number` */
  ofNumber(number: string, before: number, limit: number): CapturedRow[] {
    const [term] = termsOf(number);
    if (term === undefined) throw new WardlineError('bad-number', 'Search for a telephone number or an extension.');
    return this.#sql.byNumber.all(this.#core.blindBytes('calls/number', term), before, limit) as CapturedRow[];
  }

  at(seq: number): CapturedRow | undefined {
    return this.#sql.at.get(seq) as CapturedRow | undefined;
  }

  /** @throws WardlineError `record-damaged`, `records-locked` */
  open(row: CapturedRow): Cdr {
    const { calls } = this.#core;
    const hash = calls.hashOf(row, this.#sql.numbersOf.all(row.seq) as Uint8Array[]);
    mustBeGenuine(this.#core, 'calls', row.row, hash, row.entry);
    return calls.open<Cdr>(row);
  }
}

function prepare({ db }: InnerCore) {
  return {
    newest: db.prepare('SELECT * FROM calls WHERE seq < ? ORDER BY seq DESC LIMIT ?'),
    at: db.prepare('SELECT * FROM calls WHERE seq = ?'),
    byNumber: db.prepare(`SELECT c.* FROM call_numbers n JOIN calls c ON c.seq = n.seq
      WHERE n.digest = ? AND n.seq < ? ORDER BY n.seq DESC LIMIT ?`),
    numbersOf: db.prepare('SELECT digest FROM call_numbers WHERE seq = ?').pluck(),
  };
}
