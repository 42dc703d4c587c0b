// Captured artifacts, write side: opening, marks, closing, recovery at start and disposal. Works with records locked.
import type { AuditAction, AuditEntry } from '../../audit/entry.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { type ArtifactId, newId } from '../../kernel/id.ts';
import { sampleRate } from '../../seal/intake.ts';
import { getClinic } from '../clinic/settings.ts';
import type { Handlers } from '../handlers.ts';
import { heldRows } from '../retention/keeping.ts';
import type { ArtifactHeader, ArtifactState, Caller } from '../shapes.ts';
import { type InnerCore, VAULT_ACTOR } from '../store/inner-core.ts';
import { ArtifactReader } from './artifact-reader.ts';
import type { ArtifactRow, Closing } from './artifact-rows.ts';
import type { AudioSum } from './audio-sum.ts';
import { recordDisposal } from './disposals.ts';
import { Intake } from './intake.ts';

export type CaptureOperation = 'artifact.open' | 'artifact.mark' | 'artifact.close' | 'mailbox.counts';

/** How long a capture that was running when the vault alone went down may be taken up again. */
const RESUME_MS = 15_000;
const SWEEP_MS = 60_000;

export class Artifacts extends ArtifactReader implements Disposable {
  readonly intake: Intake;
  readonly #core: InnerCore;
  #recovery: Disposable | undefined;
  #sweeping: Disposable | undefined;

  constructor(core: InnerCore) {
    super(core);
    this.#core = core;
    this.intake = new Intake(core, this.rows);
  }

  handlers(): Pick<Handlers, CaptureOperation> {
    return {
      'artifact.open': ({ header }) => ({ artifactId: this.#open(header) }),
      'artifact.mark': ({ artifactId, mark, atMs }) => {
        const { marks, epochs } = this.#core;
        const { kind } = this.get(artifactId);
        const epoch = epochs.current(kind);
        const entry = {
          action: 'artifact-marked',
          actor: VAULT_ACTOR,
          address: '',
          outcome: 'ok',
          subject: artifactId,
        } as const;
        this.#core.transact(entry, (tx) =>
          marks.insert(tx, newId(), epoch, { artifactId, mark, atMs }, { artifact: artifactId }),
        );
        return {};
      },
      'artifact.close': ({ artifactId, keep, failure }) => this.#close(artifactId, keep, failure),
      'mailbox.counts': ({ mailbox }) => this.rows.counts(this.mailboxDigest(mailbox)),
    };
  }

  /** Tells who shows message-waiting lamps. */
  mailboxChanged({ kind, mailbox: digest }: Pick<ArtifactRow, 'kind' | 'mailbox'>): void {
    if (kind !== 'voicemail' || digest === null) return;
    const { mailboxes } = getClinic(this.#core).clinic;
    const mailbox = mailboxes.find(({ number }) => Buffer.from(digest).equals(this.mailboxDigest(number)));
    if (mailbox !== undefined) this.#core.notify('mailbox.changed', { mailbox: mailbox.number });
  }

  /**
   * Deals with what was being captured when the vault went down: a recovery entry says `cut-off`, at once or, when only the
   * vault was restarted, once its writer has had time to come back. What the trail does not know as open gets no such entry.
   */
  recover(canResume: boolean): void {
    const open = this.rows.open().filter((artifactId) => !this.tampered.has(artifactId));
    if (!canResume) {
      this.#recoverAll(open);
      return;
    }
    for (const artifactId of open) this.intake.resume(this.get(artifactId));
    const silent = () => open.filter((artifactId) => !this.intake.wasHeardSinceResume(artifactId));
    if (open.length > 0) this.#recovery = this.#core.clock.after(RESUME_MS, () => this.#recoverAll(silent()));
  }

  /** What is said to be open and the trail does not know as open was closed or never opened: it is not recovered. */
  distrust(rows: ReadonlySet<string>): void {
    for (const artifactId of this.rows.open()) {
      if (rows.has(`open_artifacts/${artifactId}`)) this.tampered.add(artifactId);
    }
  }

  /** Closes, from time to time, what a controller that died has left open. */
  sweep(): void {
    this.#sweeping = this.#core.clock.after(SWEEP_MS, () => {
      this.#recoverAll(this.intake.forgotten());
      this.sweep();
    });
  }

  [Symbol.dispose](): void {
    this.#recovery?.[Symbol.dispose]();
    this.#sweeping?.[Symbol.dispose]();
  }

  /** Destroys an artifact for good. */
  dispose(caller: Caller, artifactId: string): void {
    const artifact = this.get(artifactId);
    this.intake.forget(artifactId);
    this.#dispose({ action: 'artifact-disposed', ...caller, outcome: 'ok', subject: artifactId }, artifact);
  }

  #open(header: ArtifactHeader): ArtifactId {
    const { kind, encoding, channels, mailbox } = header;
    this.#mustHaveRoom();
    const artifactId = newId<'artifact'>();
    const epoch = this.#core.epochs.current(kind);
    const digest = mailbox === '' ? null : this.mailboxDigest(mailbox);
    const actor = { kind: 'service', name: 'pbx' } as const;
    const entry = { action: 'artifact-opened', actor, address: '', outcome: 'ok', subject: artifactId } as const;
    this.#core.transact(entry, (tx) => {
      this.#core.artifacts.insert(tx, artifactId, epoch, header, { kind, mailbox: digest, encoding, channels });
      this.rows.markOpen(tx, artifactId);
      this.intake.expect(this.get(artifactId));
    });
    return artifactId;
  }

  /** @throws WardlineError `disk-full` */
  #mustHaveRoom(): void {
    if (this.#core.hasRoom()) return;
    const entry = { action: 'recording-failed', actor: VAULT_ACTOR, address: '', outcome: 'failed' } as const;
    this.#core.record({ ...entry, detail: 'the disk is full' });
    throw new WardlineError('disk-full', 'The disk is full: nothing is recorded until there is room.');
  }

  async #close(
    artifactId: string,
    keep: boolean,
    failure?: string,
  ): Promise<{ state: ArtifactState; durationMs: number }> {
    const artifact = this.get(artifactId);
    const sum = await this.intake.settle(artifactId);
    const before = this.rows.closing(artifactId);
    if (before !== undefined) return { state: before.state, durationMs: before.duration_ms }; // asked again
    const hasFailed = failure !== undefined || sum.chunks === 0; // nobody handed in any audio
    const state = hasFailed ? 'failed' : sum.isWhole ? 'complete' : 'cut-off';
    const closing = this.#writeClosing(artifact, sum, state, failure);
    this.intake.forget(artifactId);
    if (keep) this.mailboxChanged(artifact);
    else this.#throwAway(artifact);
    return { state, durationMs: closing.duration_ms };
  }

  /** What its caller does not want to leave after all, unless it is held. */
  #throwAway(artifact: ArtifactRow): void {
    const entry = this.#entry('artifact-disposed', artifact.row, 'not kept');
    if (!heldRows(this.#core)(artifact.row)) {
      this.#dispose(entry, artifact);
      return;
    }
    this.#core.record({ ...entry, outcome: 'refused', detail: 'on hold' });
    this.mailboxChanged(artifact);
  }

  #writeClosing(artifact: ArtifactRow, sum: AudioSum, state: Closing['state'], failure = ''): Omit<Closing, 'entry'> {
    const { row, kind, mailbox, encoding } = artifact;
    const { samples, segments, chunks, tags } = sum;
    const duration = Math.round((samples * 1000) / sampleRate(encoding));
    const closing = { artifact: row, kind, mailbox, state, duration_ms: duration, samples, segments, chunks, tags };
    const action = {
      complete: 'artifact-closed',
      'cut-off': 'artifact-recovered',
      failed: 'recording-failed',
    } as const;
    const counts = `${state}: ${segments} segments, ${chunks} chunks, tags ${Buffer.from(tags).toString('hex')}`;
    const entry = this.#entry(action[state], row, failure === '' ? counts : `${counts}; ${failure}`);
    this.#core.transact(entry, (tx) => this.rows.close(tx, closing));
    return closing;
  }

  #recoverAll(artifactIds: readonly string[]): void {
    for (const artifactId of artifactIds.filter((id) => this.rows.isOpen(id))) {
      try {
        this.#recoverOne(artifactId);
      } catch (thrown) {
        // The disk is full or broken; the next start recovers it.
        this.#core.log.error({ err: thrown }, 'a capture could not be recovered');
      }
    }
  }

  #recoverOne(artifactId: string): void {
    const artifact = this.get(artifactId);
    this.intake.flush();
    this.intake.forget(artifactId);
    const sum = this.rows.sum(artifactId);
    const state = sum.isWhole ? 'complete' : 'cut-off'; // its writer was done, only the closing was missing
    this.#writeClosing(artifact, sum, state, 'recovered after an interruption');
    this.mailboxChanged(artifact);
  }

  #dispose(entry: AuditEntry, artifact: ArtifactRow): void {
    this.#core.transact(entry, (tx) => {
      this.rows.dispose(tx, artifact.row);
      recordDisposal(this.#core, tx, artifact.row, artifact.entry);
    });
    // What was deleted must not stay readable in the journal either.
    this.#core.journal.scrub();
    this.mailboxChanged(artifact);
  }

  #entry(action: AuditAction, subject: string, detail: string): AuditEntry {
    const outcome = action === 'recording-failed' ? 'failed' : 'ok';
    return { action, actor: VAULT_ACTOR, address: '', outcome, subject, detail };
  }
}
