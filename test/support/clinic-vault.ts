// Real vaults for a clinic on loopback: each a process of its own with its intake, lent to one bench after another within a test file.
import { rmSync } from 'node:fs';
import { isLinkLost } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import type { Clinic } from '../../src/model/clinic.ts';
import { connectIntake, type IntakeClient } from '../../src/seal/intake-client.ts';
import type { AnswerTo, Ask, Vault, VaultOperation } from '../../src/vault/contract.ts';
import type { ArtifactKind, ArtifactSummary, Page, PageRequest } from '../../src/vault/shapes.ts';
import { CALLER, type Folders, makeVault, newFolders, voicemailHeader } from './vault-bench.ts';
import { MEDIA_TOKEN, spawnVault, type VaultProcess } from './vault-process.ts';

interface Host {
  readonly folders: Folders;
  readonly recoveryCode: string;
  process: VaultProcess;
}

const START_MS = 90_000;
const PAGE: PageRequest = { limit: 500 };
const hosts = new Set<Host>();
const idle: Host[] = [];
process.once('exit', () => {
  for (const { process: vault, folders } of hosts) {
    vault.child.kill('SIGKILL');
    rmSync(folders.root, { recursive: true, force: true, maxRetries: 3 });
  }
});

async function newHost(keyFileOpens: 'service' | 'both'): Promise<Host> {
  // On RAM, where a sync costs nothing.
  const folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders, systemClock, keyFileOpens);
  const host = { folders, recoveryCode, process: startProcess(folders) };
  hosts.add(host);
  return host;
}

/** A process that no test waits for: it ends with this one. */
function startProcess(folders: Folders): VaultProcess {
  const vault = spawnVault(folders);
  vault.child.unref();
  for (const stream of [vault.child.stdin, vault.child.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
  return vault;
}

/** A vault as the controller sees it, and what one test left in it; what was there before is not shown. */
export class ClinicVault implements Vault, AsyncDisposable {
  readonly #host: Host;
  readonly #link: Vault & Disposable;
  readonly #seen = new Set<string>();
  readonly #isReusable: boolean;
  #auditFrom = 0;
  /** What the media server hands audio to. */
  readonly intake: IntakeClient;

  private constructor(host: Host, isReusable: boolean) {
    this.#host = host;
    this.#isReusable = isReusable;
    this.#link = host.process.connect();
    this.intake = connectIntake({ socket: host.process.socket, token: MEDIA_TOKEN, clock: systemClock });
  }

  /** With `isLocked` its key file opens the service half alone, and the records only by the recovery code. */
  static async lend(
    clinic: Clinic,
    password: string,
    { isLocked = false }: { readonly isLocked?: boolean } = {},
  ): Promise<ClinicVault> {
    const host = (isLocked ? undefined : idle.pop()) ?? (await newHost(isLocked ? 'service' : 'both'));
    const vault = new ClinicVault(host, !isLocked);
    try {
      await vault.#started();
      await vault.#begin(clinic, password, isLocked);
      return vault;
    } catch (error) {
      await vault[Symbol.asyncDispose]();
      throw error;
    }
  }

  get spoolFolder(): string {
    return this.#host.folders.spoolFolder;
  }

  get recoveryCode(): string {
    return this.#host.recoveryCode;
  }

  ask<Operation extends VaultOperation>(
    operation: Operation,
    ask: Ask<Operation>,
    body?: Uint8Array,
  ): Promise<AnswerTo<Operation>> {
    return this.#link.ask(operation, ask, body);
  }

  askForBytes<Operation extends VaultOperation>(operation: Operation, ask: Ask<Operation>) {
    return this.#link.askForBytes(operation, ask);
  }

  onNotice(listener: Parameters<Vault['onNotice']>[0]): Disposable {
    return this.#link.onNotice(listener);
  }

  /** The records of this test's calls, newest first. */
  async calls(): Promise<readonly Cdr[]> {
    const { rows } = await this.ask('calls.page', { caller: CALLER, page: PAGE });
    return rows.filter(({ callId }) => !this.#seen.has(callId));
  }

  /** What this test captured, newest first. */
  async artifacts(kind: ArtifactKind): Promise<readonly ArtifactSummary[]> {
    const { rows } = await this.ask('artifacts.page', { caller: CALLER, kind, page: PAGE });
    return rows.filter(({ id }) => !this.#seen.has(id));
  }

  /** One channel of an artifact as linear samples, as the vault plays it. */
  async audioOf(artifactId: ArtifactId, channel = 0): Promise<Int16Array> {
    const range = { caller: CALLER, artifactId, fromSample: 0, samples: 480_000, play: true };
    const { answer, body } = await this.askForBytes('artifact.audio', range);
    const linear = new Int16Array(body.length);
    pcmu.decode(Buffer.from(body), 0, body.length, linear, 0);
    return linear.filter((_sample, index) => index % answer.channels === channel);
  }

  /** What the audit trail says of this test. */
  async trail(): Promise<AnswerTo<'audit.page'>['rows']> {
    const { rows } = await this.ask('audit.page', { caller: CALLER, page: PAGE });
    return rows.filter(({ sequence }) => sequence > this.#auditFrom);
  }

  /** A message as a caller would have left it. */
  async leaveMessage(mailbox: string, from: string, ulaw: Uint8Array): Promise<ArtifactId> {
    const header = voicemailHeader({ startedAt: systemClock.now(), mailbox, from, fromName: '', to: mailbox });
    const { artifactId } = await this.ask('artifact.open', { header });
    const capture = await this.intake.begin(artifactId);
    capture.write(ulaw, 0);
    await capture.end();
    await this.ask('artifact.close', { artifactId, keep: true });
    return artifactId;
  }

  async unlock(): Promise<void> {
    await this.ask('unlock', { caller: CALLER, slot: 'recovery', secret: this.recoveryCode });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#host.process.child.ref();
    await this.#host.process.kill();
  }

  /** Starts it again on the same folder; links find it by themselves, and it answers when this resolves. */
  async restart(): Promise<void> {
    this.#host.process = startProcess(this.#host.folders);
    await this.#started();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.intake[Symbol.dispose]();
    this.#link[Symbol.dispose]();
    if (this.#isReusable && this.#host.process.child.exitCode === null && !this.#host.process.child.killed) {
      idle.push(this.#host);
      return;
    }
    await this.kill();
    rmSync(this.#host.folders.root, { recursive: true, force: true });
    hosts.delete(this.#host);
  }

  /** A process takes its time to start while others do. */
  async #started(): Promise<void> {
    const until = systemClock.monotonic() + START_MS;
    const { child, stderr } = this.#host.process;
    for (;;) {
      try {
        await this.ask('status', {});
        return;
      } catch (error) {
        if (child.exitCode !== null) throw new Error(`the vault did not start: ${stderr()}`);
        if (!isLinkLost(error) || systemClock.monotonic() > until) throw error;
      }
    }
  }

  async #begin(clinic: Clinic, password: string, isLocked: boolean): Promise<void> {
    const { bindings } = await this.ask('bindings.list', {});
    for (const { username, contact } of bindings) {
      await this.ask('bindings.remove', { caller: CALLER, username, contact, reason: 'unregistered' });
    }
    if (!isLocked) await this.#forget();
    await this.ask('clinic.put', { caller: CALLER, clinic, summary: 'a test' });
    const { credentials } = await this.ask('credentials.list', {});
    for (const { username } of clinic.phones) {
      if (credentials.some((known) => known.username === username)) continue;
      await this.ask('credentials.set', { caller: CALLER, username, password });
    }
    this.#auditFrom = (await this.ask('status', {})).auditSequence;
  }

  /** Empties the mailboxes, whose counts every phone is told, and leaves earlier records out of sight. */
  async #forget(): Promise<void> {
    const pages: readonly Page<{ readonly id?: string; readonly callId: string }>[] = [
      await this.ask('calls.page', { caller: CALLER, page: PAGE }),
      await this.ask('artifacts.page', { caller: CALLER, kind: 'recording', page: PAGE }),
    ];
    for (const { id, callId } of pages.flatMap(({ rows }) => rows)) this.#seen.add(id ?? callId);
    const { rows } = await this.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page: PAGE });
    for (const { id } of rows) await this.ask('artifact.dispose', { caller: CALLER, artifactId: id });
  }
}
