// A vault in memory with nothing sealed: for tests of call control that want to look inside. Keeps calls, artifacts, bindings, audit entries.
import { createHash } from 'node:crypto';
import type { AuditEntry } from '../../src/audit/entry.ts';
import type { Intake } from '../../src/engine/media-server/recording/sink.ts';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { WardlineError } from '../../src/kernel/errors.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { newId } from '../../src/kernel/id.ts';
import type { ContactBinding } from '../../src/model/binding.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import type { Clinic } from '../../src/model/clinic.ts';
import { pcmu } from '../../src/protocol/rtp/g711.ts';
import type { Capture } from '../../src/seal/intake-client.ts';
import type { AnswerTo, ArtifactHeader, Ask, SipCredential, Vault, VaultOperation } from '../../src/vault/contract.ts';

interface FakeArtifact {
  readonly header: ArtifactHeader;
  readonly chunks: { readonly atSample: number; readonly bytes: Uint8Array }[];
  readonly marks: { readonly mark: string; readonly atMs: number }[];
  state: 'open' | 'complete' | 'disposed';
  isRead: boolean;
}

type Handlers = { [Operation in VaultOperation]?: (ask: Ask<Operation>) => AnswerTo<Operation> };

const REALM = 'clinic.example';

export class FakeVault implements Vault {
  clinic: Clinic;
  isDown = false;
  recordsLocked = false;
  readonly cdrs: Cdr[] = [];
  readonly audit: AuditEntry[] = [];
  readonly artifacts = new Map<ArtifactId, FakeArtifact>();
  readonly bindings = new Map<string, ContactBinding>();
  /** Each operation asked, in order. */
  readonly asked: string[] = [];
  readonly #credentials = new Map<string, SipCredential>();
  readonly #listeners = new Set<(notice: { readonly type: string; readonly payload: unknown }) => void>();
  /** Set by a test that plays messages: lays a file out and answers its path. */
  layOut: (artifactId: ArtifactId, ulaw: Uint8Array) => string = () => 'voicemail/extension.wav';

  constructor(clinic: Clinic) {
    this.clinic = clinic;
  }

  setPassword(username: string, password: string): void {
    const hash = (algorithm: string) => createHash(algorithm).update(`${username}:${REALM}:${password}`).digest('hex');
    this.#credentials.set(username, { username, ha1Sha256: hash('sha256'), ha1Md5: hash('md5') });
  }

  async ask<Operation extends VaultOperation>(operation: Operation, ask: Ask<Operation>): Promise<AnswerTo<Operation>> {
    await Promise.resolve();
    this.asked.push(operation);
    if (this.isDown) throw new WardlineError('link-closed', 'The vault is away.');
    const handler = this.#handlers[operation];
    if (handler === undefined) throw new WardlineError('unknown', `The fake vault does not know ${operation}.`);
    return handler(ask);
  }

  askForBytes(): Promise<never> {
    return Promise.reject(new WardlineError('unknown', 'The fake vault gives no bytes.'));
  }

  onNotice(listener: (notice: { readonly type: string; readonly payload: unknown }) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  notice(type: string, payload: unknown = {}): void {
    for (const listener of this.#listeners) listener({ type, payload });
  }

  /** What the media server hands audio to. */
  readonly intake: Intake = {
    begin: async (artifactId: string): Promise<Capture> => {
      const artifact = this.artifacts.get(artifactId as ArtifactId);
      if (artifact === undefined) throw new WardlineError('artifact-unknown', 'There is no such artifact.');
      return {
        artifactId,
        encoding: artifact.header.encoding,
        channels: artifact.header.channels,
        write: (bytes, atSample) => void artifact.chunks.push({ atSample, bytes: bytes.slice() }),
        end: async () => {},
        onFailure() {},
      } as Capture;
    },
  };

  /** One channel of an artifact as linear samples. */
  audioOf(artifactId: ArtifactId, channel = 0): Int16Array {
    const artifact = this.artifacts.get(artifactId);
    if (artifact === undefined) return new Int16Array();
    const { channels } = artifact.header;
    const bytes = Buffer.concat(artifact.chunks.map((chunk) => chunk.bytes));
    const samples = new Int16Array(Math.floor(bytes.length / channels));
    const linear = new Int16Array(bytes.length);
    pcmu.decode(bytes, 0, bytes.length, linear, 0);
    for (let i = 0; i < samples.length; i++) samples[i] = linear[i * channels + channel] ?? 0;
    return samples;
  }

  readonly #handlers: Handlers = {
    'clinic.get': () => ({ clinic: this.clinic, version: 1 }),
    'credentials.list': () => ({ realm: REALM, credentials: [...this.#credentials.values()] }),
    'bindings.list': () => ({ bindings: [...this.bindings.values()] }),
    'bindings.put': ({ binding }) => this.#bind(binding),
    'bindings.refresh': ({ bindings }) => {
      for (const binding of bindings) this.#bind(binding);
      return {};
    },
    'bindings.remove': ({ username, contact }) => {
      this.bindings.delete(`${username} ${contact}`);
      return {};
    },
    'artifact.open': ({ header }) => {
      const artifactId = newId<'artifact'>();
      this.artifacts.set(artifactId, { header, chunks: [], marks: [], state: 'open', isRead: false });
      return { artifactId };
    },
    'artifact.mark': ({ artifactId, mark, atMs }) => {
      this.artifacts.get(artifactId)?.marks.push({ mark, atMs });
      return {};
    },
    'artifact.close': ({ artifactId, keep }) => {
      const artifact = this.artifacts.get(artifactId);
      if (artifact !== undefined) artifact.state = keep ? 'complete' : 'disposed';
      if (artifact?.header.kind === 'voicemail') this.notice('mailbox.changed', { mailbox: artifact.header.mailbox });
      return { state: 'complete', durationMs: 0 };
    },
    'artifacts.page': () => {
      if (this.recordsLocked) throw new WardlineError('records-locked', 'The records are locked.');
      const rows = [...this.artifacts].filter(([, { state }]) => state === 'complete');
      return {
        rows: rows.map(([id, { header, isRead }]) => ({
          ...header,
          id,
          isRead,
          state: 'complete' as const,
          durationMs: 0,
        })),
      };
    },
    'artifact.markRead': ({ artifactId }) => {
      const artifact = this.artifacts.get(artifactId);
      if (artifact !== undefined) artifact.isRead = true;
      return {};
    },
    'artifact.dispose': ({ artifactId }) => {
      const artifact = this.artifacts.get(artifactId);
      if (artifact !== undefined) artifact.state = 'disposed';
      return {};
    },
    'playout.open': ({ artifactId }) => {
      const bytes = Buffer.concat(this.artifacts.get(artifactId)?.chunks.map((chunk) => chunk.bytes) ?? []);
      return { path: this.layOut(artifactId, bytes), durationMs: bytes.length / 8 };
    },
    'playout.done': () => ({}),
    'mailbox.counts': ({ mailbox }) => {
      const mine = [...this.artifacts.values()].filter(
        ({ header, state }) => header.kind === 'voicemail' && header.mailbox === mailbox && state === 'complete',
      );
      const read = mine.filter(({ isRead }) => isRead).length;
      return { unread: mine.length - read, read };
    },
    'cdr.put': ({ cdr }) => {
      this.cdrs.push(cdr);
      return {};
    },
    'audit.put': ({ entry }) => {
      this.audit.push(entry);
      return {};
    },
  };

  #bind(binding: ContactBinding): Record<string, never> {
    this.bindings.set(`${binding.username} ${binding.contact}`, binding);
    return {};
  }
}

export function utc(ms: number): UtcMs {
  return ms as UtcMs;
}
