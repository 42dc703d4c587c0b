// Retention and legal holds: what is older than its class's rule is destroyed, keys first, unless somebody holds it; then the month's own key.
import type { AuditEntry } from '../../audit/entry.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import type { Cdr } from '../../model/cdr.ts';
import type { ArtifactRow } from '../captured/artifact-rows.ts';
import type { Artifacts } from '../captured/artifacts.ts';
import { recordDisposal } from '../captured/disposals.ts';
import { disposeNotes } from '../captured/dispose-notes.ts';
import { SETTINGS } from '../clinic/settings.ts';
import type { Handlers } from '../handlers.ts';
import type { RetentionRules } from '../shapes.ts';
import type { CapturedRow } from '../store/captured-table.ts';
import type { RetentionClass } from '../store/epochs.ts';
import { isGenuine } from '../store/genuine.ts';
import { fence, type InnerCore, VAULT_ACTOR } from '../store/inner-core.ts';
import { ClockWatch, writtenAt } from './clock-watch.ts';
import { EVERYTHING, HOLDS, type HoldRecord, heldRows, retentionRules } from './keeping.ts';

const DAY_MS = 24 * 3_600_000;
const FIRST_MS = 5 * 60_000;
const EVERY_MS = 3_600_000;
/** Rows that one transaction destroys; calls get their turn between two. */
const BATCH_ROWS = 50;
const MAX_HOLDS = 10_000;
/** Rows that seem to lie in the future and are passed over in one look. */
const MAX_AHEAD = 500;
const CLASSES: readonly RetentionClass[] = ['cdr', 'voicemail', 'recording', 'greeting'];

export type RetentionOperation = 'retention.get' | 'retention.set' | 'hold.place' | 'hold.release' | 'hold.list';

export class Retention implements Disposable {
  readonly #core: InnerCore;
  readonly #artifacts: Artifacts;
  readonly #watch: ClockWatch;
  #timer: Disposable | undefined;

  constructor(core: InnerCore, artifacts: Artifacts) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#watch = new ClockWatch(core);
  }

  handlers(): Pick<Handlers, RetentionOperation> {
    const core = this.#core;
    return {
      'retention.get': () => ({ rules: this.#rules() }),
      'retention.set': ({ caller, rules }) => {
        const places = placesOf(rules);
        for (const days of [...CLASSES.map((retention) => rules[retention]), ...places.map(([, days]) => days)])
          mustBeDays(days);
        const parts = [...CLASSES.map((retention) => [retention, rules[retention]] as const), ...places];
        const detail = parts.map(([name, days]) => `${name} ${days ?? 'kept'}`).join(', ');
        const entry = { action: 'retention-changed', ...caller, outcome: 'ok', detail } as const;
        core.transact(entry, (tx) => {
          tx.put(SETTINGS, 'retention', rules);
          this.#watch.accept(tx);
        });
        return {};
      },
      'hold.place': ({ caller, subject, reason }) => {
        if (core.records.count(HOLDS) >= MAX_HOLDS) throw new WardlineError('vault-full', 'There are too many holds.');
        const holdId = newId();
        const record: HoldRecord = { subjects: this.#subjects(subject), reason, placedAt: core.clock.now() };
        const entry = { action: 'hold-placed', ...caller, outcome: 'ok', subject, detail: reason } as const;
        core.transact(entry, (tx) => tx.put(HOLDS, holdId, record));
        return { holdId };
      },
      'hold.release': ({ caller, holdId }) => {
        const found = core.records.get<HoldRecord>(HOLDS, holdId);
        if (found === undefined) throw new WardlineError('hold-unknown', 'There is no such hold; list them first.');
        const entry = {
          action: 'hold-released',
          ...caller,
          outcome: 'ok',
          subject: found.value.subjects[0] ?? '',
        } as const;
        core.transact(entry, (tx) => tx.delete(HOLDS, holdId));
        return {};
      },
      'hold.list': () => ({
        holds: core.records.list<HoldRecord>(HOLDS).map(({ row, value }) => ({ id: row, ...value })),
      }),
    };
  }

  /** @throws WardlineError `on-hold` */
  mustBeFree(row: string): void {
    if (!heldRows(this.#core)(row)) return;
    throw new WardlineError('on-hold', 'A legal hold keeps this; release the hold first (`wardline vault hold list`).');
  }

  /** What keeps it from doing its work. */
  problems(): string[] {
    return this.#watch.problems();
  }

  /** Compares the clock with the trail of before this start. */
  begin(): void {
    this.#watch.begin();
  }

  /** When that entry was written; one that is missing or damaged says that nothing is old. */
  #at(entry: number): number {
    return writtenAt(this.#core, entry) || Number.POSITIVE_INFINITY;
  }

  schedule(delayMs: number = FIRST_MS): void {
    this.#timer = this.#core.clock.after(delayMs, () => this.#run());
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  /** Destroys one batch of each class; goes on soon when there was more. */
  #run(): void {
    let hasMore = false;
    try {
      this.#core.journal.retry();
      this.#watch.look();
      for (const retention of CLASSES) hasMore = this.#sweep(retention) || hasMore;
    } catch (thrown) {
      this.#core.log.error({ err: thrown }, 'what is past its retention could not be destroyed');
    }
    this.schedule(hasMore ? 100 : EVERY_MS);
  }

  #sweep(retention: RetentionClass): boolean {
    if (this.#watch.isWithheld) return false;
    const rules = this.#rules();
    const hasMore = retention === 'cdr' ? false : this.#sweepPlaces(retention, rules);
    const days = rules[retention];
    if (days === null || days === undefined) return hasMore;
    const before = this.#core.clock.now() - days * DAY_MS;
    const count = retention === 'cdr' ? this.#sweepCalls(before) : this.#sweepArtifacts(retention, before, rules);
    this.#destroyEpochs(retention, before);
    return hasMore || count === BATCH_ROWS;
  }

  #sweepCalls(before: number): number {
    const { db, calls } = this.#core;
    const numbers = db.prepare('SELECT digest FROM call_numbers WHERE seq = ?').pluck();
    const isWritten = (row: CapturedRow) =>
      this.#isGenuine('calls', row, calls.hashOf(row, numbers.all(row.seq) as Uint8Array[]));
    const rows = this.#expired('SELECT * FROM calls WHERE seq > ? ORDER BY seq LIMIT 100', [], before, isWritten);
    if (rows.length === 0) return 0;
    const dropNumbers = db.prepare('DELETE FROM call_numbers WHERE seq = ?');
    this.#core.transact(this.#entry('call-disposed', `retention: ${rows.length} calls`), (tx) => {
      for (const { seq, row, entry } of rows) {
        dropNumbers.run(seq);
        disposeNotes(this.#core, tx, row);
        calls.dispose(tx, row);
        recordDisposal(this.#core, tx, row, entry);
      }
    });
    this.#core.journal.scrub();
    return rows.length;
  }

  /** Mailboxes and queues that have a rule of their own. */
  #sweepPlaces(kind: string, rules: RetentionRules): boolean {
    const sql = 'SELECT * FROM artifacts WHERE mailbox = ? AND kind = ? AND seq > ? ORDER BY seq LIMIT 100';
    return placesOf(rules)
      .filter(([, days]) => days !== null)
      .map(([number, days]) => {
        const before = this.#core.clock.now() - Number(days) * DAY_MS;
        return this.#disposeOf(kind, sql, [this.#artifacts.mailboxDigest(number), kind], before) === BATCH_ROWS;
      })
      .includes(true);
  }

  #sweepArtifacts(kind: string, before: number, rules: RetentionRules): number {
    const sql = 'SELECT * FROM artifacts WHERE kind = ? AND seq > ? ORDER BY seq LIMIT 100';
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    const own = new Set(placesOf(rules).map(([number]) => hex(this.#artifacts.mailboxDigest(number))));
    const isOwn = ({ mailbox }: ArtifactRow) => mailbox !== null && own.has(hex(mailbox));
    return this.#disposeOf(kind, sql, [kind], before, isOwn);
  }

  #disposeOf(
    kind: string,
    sql: string,
    parameters: readonly (string | Uint8Array)[],
    before: number,
    isSpared: (row: ArtifactRow) => boolean = () => false,
  ): number {
    const { rows: stored } = this.#artifacts;
    const isWritten = (row: CapturedRow) =>
      !isSpared(row as CapturedRow & ArtifactRow) &&
      this.#isGenuine('artifacts', row, this.#core.artifacts.hashOf(row));
    const rows = this.#expired(sql, parameters, before, isWritten).filter(
      ({ row }) => !stored.isOpen(row),
    ) as (Expired & ArtifactRow)[];
    if (rows.length === 0) return 0;
    this.#core.transact(this.#entry('artifact-disposed', `retention: ${rows.length} of ${kind}`), (tx) => {
      for (const { row, entry } of rows) {
        stored.dispose(tx, row);
        recordDisposal(this.#core, tx, row, entry);
      }
    });
    this.#core.journal.scrub();
    for (const artifact of rows) this.#artifacts.mailboxChanged(artifact);
    return rows.length;
  }

  /** The oldest rows that were written before that time and that nobody holds. */
  #expired(
    sql: string,
    parameters: readonly (string | Uint8Array)[],
    before: number,
    isWritten: (row: CapturedRow) => boolean,
  ): Expired[] {
    const next = this.#core.db.prepare<unknown[]>(sql);
    const isHeld = heldRows(this.#core);
    if (isHeld(EVERYTHING)) return [];
    const found: Expired[] = [];
    let ahead = 0;
    for (let after = 0; found.length < BATCH_ROWS; ) {
      const rows = next.all(...parameters, after) as Expired[];
      for (const row of rows) {
        const at = this.#at(row.entry);
        const isOld = at < before;
        // Of a clock that was ahead: it hides none of those behind it.
        if (at > this.#core.clock.now() + DAY_MS && ++ahead <= MAX_AHEAD) continue;
        if (isOld && (isHeld(row.row) || found.length >= BATCH_ROWS)) continue;
        if (!isWritten(row)) continue; // its entry number says nothing of its age
        if (!isOld) return found;
        found.push(row);
      }
      const last = rows.at(-1);
      if (last === undefined) return found;
      after = last.seq;
    }
    return found;
  }

  /** A row whose entry number was changed looks older than it is: it is named and kept. */
  #isGenuine(table: string, { row, entry }: CapturedRow, hash: string): boolean {
    if (isGenuine(this.#core, table, row, hash, entry)) return true;
    fence(this.#core, table, row);
    return false;
  }

  /** A month that is past its retention, and of which nothing is left, loses the key that everything in it was sealed to. */
  #destroyEpochs(retention: RetentionClass, before: number): void {
    const { db } = this.#core;
    const month = new Date(before).toISOString().slice(0, 7);
    const emptied = db.prepare(`SELECT id FROM epochs e WHERE class = ? AND month < ? AND secret IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM record_keys k WHERE k.epoch = e.id)`);
    for (const id of emptied.pluck().all(retention, month) as string[]) {
      this.#core.transact({ ...this.#entry('epoch-destroyed', 'retention'), subject: id }, (tx) => {
        this.#core.epochs.destroy(tx, id);
        recordDisposal(this.#core, tx, id, 0);
      });
      this.#core.epochs.forget(id);
      this.#core.keyring.onChange?.(); // readers may know its secret
      this.#core.journal.scrub();
    }
  }

  #rules(): RetentionRules {
    return retentionRules(this.#core);
  }

  /** A call is held with its recordings and messages, which its sealed record names. */
  #subjects(subject: string): string[] {
    const call = this.#core.calls.get(subject);
    if (call !== undefined) return [subject, ...this.#core.calls.open<Cdr>(call).artifacts];
    if (subject === EVERYTHING || this.#artifacts.rows.find(subject) !== undefined) return [subject];
    throw new WardlineError('artifact-unknown', "There is no such call, message or recording; 'everything' holds all.");
  }

  #entry(action: AuditEntry['action'], detail: string): AuditEntry {
    return { action, actor: VAULT_ACTOR, address: '', outcome: 'ok', detail };
  }
}

type Expired = CapturedRow;

const MAX_PLACES = 1_000;

/** Mailboxes and queues with a rule of their own. @throws WardlineError `bad-rule` */
function placesOf({ places = {} }: RetentionRules): [string, number | null][] {
  const all = Object.entries(places);
  if (all.length <= MAX_PLACES && all.every(([number]) => /^\d{2,6}$/.test(number))) return all;
  throw new WardlineError('bad-rule', 'A rule of its own is for a mailbox or a queue, by its number of 2 to 6 digits.');
}

function mustBeDays(days: number | null | undefined): void {
  if (days === null || days === undefined || (Number.isSafeInteger(days) && days >= 1 && days <= 36_500)) return;
  throw new WardlineError(
    'bad-rule',
    'Retention is a whole number of days from 1 to 36500, or nothing to keep for good.',
  );
}
