// The open vault: builds its parts in order, has itself checked, recovers, answers operations, and closes cleanly.
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { handlersOf } from './all-handlers.ts';
import { LinkAuthorization } from './authorization.ts';
import { type DrillRunner, DrillSchedule } from './backup/drill-schedule.ts';
import { Backups } from './backup/targets.ts';
import { Artifacts } from './captured/artifacts.ts';
import type { Intake } from './captured/intake.ts';
import { PlayoutFolder } from './captured/playout.ts';
import { sealLeftovers } from './captured/spool-leftovers.ts';
import { Checks } from './checks/checks.ts';
import type { LeafNames } from './clinic/certificates.ts';
import { LeafRenewal, renewLeaves } from './clinic/tls.ts';
import type { AnswerTo, Ask, VaultOperation } from './contract.ts';
import { faultOf } from './fault.ts';
import { type AskContext, type Handlers, WithBody } from './handlers.ts';
import { InlineReaders, type Readers, WorkerReaders } from './reading/readers.ts';
import { Retention } from './retention/retention.ts';
import { asDiskFault, DATABASE_NAME, dropCopies, lockFolder, mend, openDatabase } from './store/database.ts';
import { Heads } from './store/heads.ts';
import { buildCore, type InnerCore, VAULT_ACTOR } from './store/inner-core.ts';
import type { Reserve } from './store/reserve.ts';
import { Adoption } from './unlocking/adoption.ts';
import { openUnattended, type UnattendedSecrets, unattendedSecret } from './unlocking/unattended.ts';

export interface VaultOptions extends UnattendedSecrets {
  readonly dataFolder: string;
  /** Room that is set aside on its disk. */
  readonly reserve?: Reserve;
  readonly headsFile: string;
  readonly spoolFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Opens the service half only, whatever the slot gives. */
  readonly startLocked: boolean;
  /** Given each signed head, one line, beside the file: syslog. */
  readonly onHead?: ((line: string) => void) | undefined;
  /** Holds a drill; without it this vault holds none by itself. */
  readonly drill?: DrillRunner | undefined;
  /** Reads on threads of their own. */
  readonly hasReaders?: boolean;
  /** The vault alone was restarted: captures that ran may be taken up again. */
  readonly canResume: boolean;
  /** What certificates are to name; what they named before when absent. */
  readonly names?: LeafNames | undefined;
}

/** A start has its calls to take up first; then the search index is built. */
const INDEX_MS = 10_000;
const RESERVE_MS = 60_000;

export type NoticeListener = (notice: { readonly type: string; readonly payload: object }) => void;

export class OpenVault implements AsyncDisposable {
  readonly #core: InnerCore;
  readonly #artifacts: Artifacts;
  readonly #handlers: Handlers;
  readonly #authorization: LinkAuthorization;
  readonly #heads: Heads;
  readonly #adoption: Adoption;
  readonly #backups: Backups;
  readonly #retention: Retention;
  readonly #drills: DrillSchedule;
  readonly #playout: PlayoutFolder;
  readonly #readers: Readers;
  readonly #leafRenewal: LeafRenewal;
  readonly #lock: Disposable;
  readonly #listeners: Set<NoticeListener>;
  readonly #checks: Checks;
  #isClosing = false;
  #reserveTimer: Disposable | undefined;
  #indexing: Disposable | undefined;

  private constructor(core: InnerCore, options: VaultOptions, lock: Disposable, listeners: Set<NoticeListener>) {
    const { keyring, trail, clock, log } = core;
    this.#core = core;
    this.#lock = lock;
    this.#listeners = listeners;
    this.#artifacts = new Artifacts(core);
    this.#retention = new Retention(core, this.#artifacts);
    const hasReaders = options.hasReaders === true;
    this.#readers = new (hasReaders ? WorkerReaders : InlineReaders)(core, this.#artifacts);
    this.#checks = new Checks({ core, artifacts: this.#artifacts, readers: this.#readers, hasReaders });
    this.#adoption = new Adoption(core, this.#readers);
    keyring.onChange = () => this.#readers.reset();
    this.#leafRenewal = new LeafRenewal(core);
    this.#playout = new PlayoutFolder(options.spoolFolder, clock);
    this.#heads = new Heads({
      ...{ path: options.headsFile, keyring, trail, clock, privateKey: signingKey(core), onHead: options.onHead },
      onError: (thrown) => log.error({ err: thrown }, 'the audit head could not be written'),
    });
    this.#backups = new Backups(core, this.#heads, this.#readers, () => this.#isClosing);
    this.#drills = new DrillSchedule({
      ...{ core, backups: this.#backups, dataFolder: options.dataFolder, spoolFolder: options.spoolFolder },
      run: options.drill,
      secret: () => unattendedSecret(options),
    });
    this.#handlers = handlersOf({
      core,
      artifacts: this.#artifacts,
      readers: this.#readers,
      retention: this.#retention,
      backups: this.#backups,
      drills: this.#drills,
      heads: this.#heads,
      adoption: this.#adoption,
      playout: this.#playout,
      checks: this.#checks,
      secrets: options,
      headsFile: options.headsFile,
      reserve: options.reserve,
      flush: () => this.#flush(),
    });
    this.#authorization = new LinkAuthorization(this.#handlers);
  }

  /** @throws WardlineError see `openLocalVault` */
  static async open(options: VaultOptions): Promise<OpenVault> {
    options.reserve?.look(); // before anything needs room
    const lock = lockFolder(options.dataFolder);
    try {
      const db = openDatabase(join(options.dataFolder, DATABASE_NAME), options.dataFolder);
      try {
        const keyring = await openUnattended(db, options);
        const listeners = new Set<NoticeListener>();
        const notify = (type: string, payload: object) => {
          for (const listener of listeners) listener({ type, payload });
        };
        const foreign = mend(db);
        const core = buildCore({
          ...{ db, keyring, clock: options.clock, log: options.log, notify },
          ...(options.reserve && { hasRoom: () => options.reserve?.hasRoom === true }),
        });
        const vault = new OpenVault(core, options, lock, listeners);
        await vault.#start(options, foreign).catch(async (thrown: unknown) => {
          vault.#isClosing = true;
          vault.#stopTimers();
          await vault.#readers[Symbol.asyncDispose]();
          throw thrown;
        });
        return vault;
      } catch (thrown) {
        db.close();
        throw thrown;
      }
    } catch (thrown) {
      lock[Symbol.dispose]();
      throw asDiskFault(options.dataFolder, thrown);
    }
  }

  get intake(): Intake {
    return this.#artifacts.intake;
  }

  isOperation(name: string): name is VaultOperation {
    return Object.hasOwn(this.#handlers, name);
  }

  /** Answers one operation. What a handler throws is the asker's to see; a fault of ours becomes one plain sentence. */
  async answer<Operation extends VaultOperation>(
    operation: Operation,
    ask: Ask<Operation>,
    body: Uint8Array,
    context: AskContext,
  ): Promise<{ answer: AnswerTo<Operation>; body?: Uint8Array }> {
    if (this.#isClosing) throw new WardlineError('vault-closing', 'The vault is closing; try again in a moment.');
    try {
      await this.#authorization.admit(operation, ask, context);
      const answered = await this.#handlers[operation](ask, body, context);
      this.#authorization.answered(operation, ask, answered, context);
      return answered instanceof WithBody ? answered : { answer: answered as AnswerTo<Operation> };
    } catch (thrown) {
      throw faultOf(thrown, operation, this.#core.log);
    }
  }

  /** All problems that are known, once every record and all audio was opened. */
  checkEverything() {
    return this.#checks.everything();
  }

  /** Settles when no backup and no drill is under way. */
  async idle(): Promise<void> {
    await this.#backups.idle();
    await this.#drills.idle();
  }

  onNotice(listener: NoticeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** In this order: nothing begins by itself; what reads ends; what waits is written; the trail is closed; the keys are wiped. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#stopTimers();
    const readersEnded = this.#readers[Symbol.asyncDispose]();
    await this.#backups.idle();
    await this.#checks.idle();
    await this.#leafRenewal[Symbol.asyncDispose]();
    const { db, volatile, keyring, epochs } = this.#core;
    this.#artifacts.intake.flush();
    volatile[Symbol.dispose]();
    this.#recordClosing();
    this.#heads[Symbol.dispose]();
    this.#playout[Symbol.dispose]();
    await readersEnded; // a supervisor may lose its patience: all is written by now
    epochs.lock();
    keyring[Symbol.dispose]();
    db.close();
    this.#lock[Symbol.dispose]();
  }

  /** A full disk keeps nobody from closing. */
  #recordClosing(): void {
    try {
      this.#core.record({ action: 'vault-closed', actor: VAULT_ACTOR, address: '', outcome: 'ok' });
    } catch (thrown) {
      this.#core.log.error({ err: thrown }, 'the end of the trail could not be written');
    }
  }

  /** Nothing begins by itself any more. */
  #stopTimers(): void {
    const parts = [this.#backups, this.#drills, this.#retention, this.#artifacts, this.#adoption, this.#checks];
    for (const part of parts) part[Symbol.dispose]();
    this.#indexing?.[Symbol.dispose]();
    this.#reserveTimer?.[Symbol.dispose]();
  }

  async #start(
    { dataFolder, headsFile, spoolFolder, canResume, clock, names, reserve }: VaultOptions,
    foreign: readonly string[],
  ): Promise<void> {
    const core = this.#core;
    await this.#checks.begin(headsFile);
    this.#checks.note(foreign);
    this.#retention.begin();
    const problems = [...this.#checks.problems, ...this.#retention.problems()];
    const outcome = problems.length === 0 ? 'ok' : 'failed';
    const detail = [core.keyring.isUnlocked ? 'records unlocked' : 'records locked', ...problems.slice(0, 10)].join(
      '; ',
    );
    core.record({ action: 'vault-opened', actor: VAULT_ACTOR, address: '', outcome, detail });
    if (!canResume) await sealLeftovers(core, this.#artifacts, spoolFolder);
    this.#artifacts.recover(canResume);
    this.#artifacts.sweep();
    await renewLeaves(core, names);
    this.#leafRenewal.schedule();
    dropCopies(dataFolder);
    this.#heads.write();
    this.#heads.start();
    this.#retention.schedule();
    this.#backups.schedule(() => this.#flush());
    this.#drills.begin();
    core.transactor.onCommit = (sequence) => this.#heads.committed(sequence);
    if (core.keyring.isUnlocked) this.#adoption.start();
    this.#readers.warm();
    this.#indexing = clock.after(INDEX_MS, () => this.#readers.index());
    this.#checks.schedule();
    if (reserve !== undefined) this.#watchDisk(reserve, clock);
    core.log.info({ entries: core.trail.sequence, problems: problems.length, at: clock.now() }, 'the vault is open');
  }

  #watchDisk(reserve: Reserve, clock: Clock): void {
    this.#reserveTimer = clock.after(RESERVE_MS, () => {
      reserve.look();
      this.#watchDisk(reserve, clock);
    });
  }

  /** What waits in memory goes to the database, for a snapshot to see it. */
  #flush(): void {
    this.#artifacts.intake.flush();
    this.#core.volatile.flush();
  }
}

function signingKey(core: InnerCore): Uint8Array {
  const found = core.records.get<{ privateKey: string }>('keys', 'audit-signing');
  if (found === undefined)
    throw new WardlineError('vault-damaged', 'The vault lacks its signing key; restore a backup.');
  return Buffer.from(found.value.privateKey, 'base64');
}
