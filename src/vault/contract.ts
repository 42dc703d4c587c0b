// What the vault process answers, as types: one entry per operation, shared by its service and its client.
import type { AuditEntry, SealedEntryContent } from '../audit/entry.ts';
import type { AuditFilter } from '../audit/filter.ts';
import type { ArtifactId, UserId } from '../kernel/id.ts';
import type { ContactBinding } from '../model/binding.ts';
import type { Cdr } from '../model/cdr.ts';
import type { Clinic } from '../model/clinic.ts';
import type { SlotKind } from './keys/slots.ts';
import type {
  ArtifactDetails,
  ArtifactHeader,
  ArtifactKind,
  ArtifactMark,
  ArtifactState,
  ArtifactSummary,
  AudioEncoding,
  BackupTarget,
  CallDetails,
  Caller,
  DrillReport,
  DrillStatus,
  Hold,
  Note,
  NoteKind,
  OpenSession,
  Page,
  PageRequest,
  PhonePassword,
  RetentionRules,
  Role,
  SearchAnswer,
  SearchFilter,
  SessionInfo,
  SipCredential,
  UserAccount,
  VaultStatus,
} from './shapes.ts';

/** Operation → what is asked and what is answered. `body` marks the binary part, `deadlineMs` a longer wait than usual. */
export interface VaultOperations {
  status: { ask: Record<string, never>; answer: VaultStatus };
  /** How well the memory that holds the keys is kept off the disk: what `doctor` looks at. */
  memory: {
    ask: Record<string, never>;
    answer: { swappedKb: number; coreLimit: string; hasReports: boolean };
  };
  unlock: {
    /** With an empty secret the command line has the vault read its own key file or credential. */
    ask: { caller: Caller; slot: SlotKind; secret: string };
    answer: { records: 'unlocked' };
  };
  lock: { ask: { caller: Caller }; answer: { records: 'locked' } };
  /**
   * Adds a way to open the vault; `using` is one that opens as much. A recovery code is made here and answered once; the text of a
   * new key file or credential is the `secret`. Rejects `wrong-secret`.
   */
  'slot.add': {
    ask: {
      caller: Caller;
      using: { slot: SlotKind; secret: string };
      kind: SlotKind;
      opens: 'service' | 'both';
      secret?: string;
    };
    answer: { slotId: string; recoveryCode?: string };
  };
  /** Rejects `last-slot` when nothing would be left to start unattended with, or to open the records with. */
  'slot.remove': { ask: { caller: Caller; slotId: string }; answer: Record<string, never> };
  /**
   * A new secret in place of one slot's; at every moment one of the two opens the vault, and a power cut leaves one that opens by
   * itself. Without `secret` the appliance's own key file is renewed where it lies. With the text of a key file or credential that is
   * not in its place yet the old slot stays, and `waitsFor` says where the new one is to be put before this is asked again. Rejects
   * `wrong-secret`, `slot-unknown`, `slot-elsewhere`, `key-place-unwritable`.
   */
  'slot.replace': {
    ask: { caller: Caller; using: { slot: SlotKind; secret: string }; slotId: string; secret?: string };
    answer: { slotId: string; waitsFor?: string };
  };

  /** Names of the credentials that this process got from systemd and that open the vault. */
  'slot.credentials': { ask: { caller: Caller }; answer: { names: readonly string[] } };

  /**
   * A new root, recovery code and key file: the old ones open nothing that is written from now on, and today's open no older
   * backup. Passphrase and credential slots go; add them again. `using` opens both halves. The code is answered once. A vault that
   * has no key-file slot gets none: `credential` is the text of the one that systemd will hand over from then on, already sealed.
   * Rejects `credential-needed` when it is absent.
   */
  'root.rotate': {
    ask: { caller: Caller; using: { slot: SlotKind; secret: string }; credential?: string };
    answer: { recoveryCode: string; passphrasesRemoved: number; credentialsRemoved: number };
  };

  /**
   * Walks the trail and opens every record and all audio, which takes hours where there is much; the records need to be unlocked.
   * Progress comes as notices `vault.progress {done, all}`.
   */
  'vault.verify': {
    ask: { caller: Caller };
    answer: { problems: readonly string[]; calls: number; artifacts: number; entries: number };
  };

  // Retention and legal holds. What is older than its class's rule is destroyed, unless a hold keeps it.
  'retention.get': { ask: Record<string, never>; answer: { rules: RetentionRules } };
  'retention.set': { ask: { caller: Caller; rules: RetentionRules }; answer: Record<string, never> };
  /** `subject`: an artifact, a call (with what was captured in it; needs records unlocked) or `everything`. */
  'hold.place': { ask: { caller: Caller; subject: string; reason: string }; answer: { holdId: string } };
  'hold.release': { ask: { caller: Caller; holdId: string }; answer: Record<string, never> };
  'hold.list': { ask: Record<string, never>; answer: { holds: readonly Hold[] } };

  // Backups: FORMAT.md §11. Progress comes as notices `backup.progress {bytes}`.
  /** Backs up into the folder and registers it; from then on it is also written once a day. `isAnew`: nothing of before is kept. */
  'backup.create': {
    ask: { caller: Caller; target: string; isAnew?: boolean };
    answer: { target: string; until: number; bytes: number; rows: number; files: number; completed: number };
  };
  'backup.status': {
    ask: Record<string, never>;
    answer: { targets: readonly BackupTarget[]; disposalsWaiting: number };
  };
  /** Compares every file of the backup with its manifest, and that with the vault's keys. */
  'backup.verify': {
    ask: { caller: Caller; target: string };
    answer: { ok: boolean; problems: readonly string[]; until: number; createdAt: number; files: number };
  };
  /** Gives a target up that cannot be reached any more; disposals that waited for it stay incomplete. */
  'backup.forget': { ask: { caller: Caller; targetId: string }; answer: Record<string, never> };

  // Drills: the newest backup restored into a scratch folder and opened whole, every week unless set otherwise.
  'drill.get': { ask: Record<string, never>; answer: DrillStatus };
  'drill.schedule': { ask: { caller: Caller; everyDays: number | null }; answer: Record<string, never> };
  /** What came of one that somebody ran by hand. */
  'drill.report': { ask: { caller: Caller; report: DrillReport }; answer: Record<string, never> };

  // Settings: the service half.
  'clinic.get': { ask: Record<string, never>; answer: { clinic: Clinic; version: number } };
  /**
   * Replaces the clinic in one audited transaction: with it the given phones get their passwords, and phones that are gone
   * lose theirs. Notices `clinic.changed` and `credentials.changed` follow to every link.
   */
  'clinic.put': {
    ask: { caller: Caller; clinic: Clinic; summary: string; passwords?: readonly PhonePassword[] };
    answer: { version: number };
  };
  'credentials.list': { ask: Record<string, never>; answer: { realm: string; credentials: SipCredential[] } };
  /** The vault hashes the password with its realm and keeps HA1 alone. */
  'credentials.set': { ask: { caller: Caller; username: string; password: string }; answer: Record<string, never> };
  /** Spoken prompts of the clinic's own, 16 kHz mono WAV in the body; `key` is a hash of text and voice. */
  'prompts.put': { ask: { caller: Caller; key: string }; answer: Record<string, never> };
  'prompts.get': { ask: { key: string }; answer: { found: boolean } };
  /** TLS material, sealed under service. The CA is made at init. */
  'tls.get': { ask: { name: 'sip' | 'console' }; answer: { certificate: string; key: string; ca: string } };

  // Registrations.
  'bindings.list': { ask: Record<string, never>; answer: { bindings: ContactBinding[] } };
  /** New or changed: durable and audited before the answer. */
  'bindings.put': { ask: { caller: Caller; binding: ContactBinding }; answer: Record<string, never> };
  'bindings.remove': {
    ask: { caller: Caller; username: string; contact: string; reason: 'unregistered' | 'expired' | 'replaced' };
    answer: Record<string, never>;
  };
  /** Refreshes, written behind: no audit entry. */
  'bindings.refresh': { ask: { bindings: ContactBinding[] }; answer: Record<string, never> };

  // Captured artifacts: write side, works with records locked.
  'artifact.open': { ask: { header: ArtifactHeader }; answer: { artifactId: ArtifactId } };
  'artifact.mark': {
    ask: { artifactId: ArtifactId } & ArtifactMark;
    answer: Record<string, never>;
  };
  /** Called by the controller when its part is over. `keep: false` disposes of what was captured (a message too short to be one). */
  'artifact.close': {
    ask: { artifactId: ArtifactId; keep: boolean; failure?: string };
    answer: { state: ArtifactState; durationMs: number };
  };
  'cdr.put': { ask: { cdr: Cdr }; answer: Record<string, never> };
  /** An act that changes no row: a failed registration, an emergency call, a search. */
  'audit.put': { ask: { entry: AuditEntry }; answer: Record<string, never> };
  /** Counts for message waiting; needs no records half. */
  'mailbox.counts': { ask: { mailbox: string }; answer: { unread: number; read: number } };

  // Read side: needs records unlocked, else rejects with `records-locked`. Each is audited.
  'calls.page': { ask: { caller: Caller; page: PageRequest; number?: string }; answer: Page<Cdr> };
  /** `within`: as `artifact.get`, for what was captured in it. Rejects `call-unknown`. */
  'call.get': { ask: { caller: Caller; callId: string; within?: readonly string[] }; answer: CallDetails };
  'artifacts.page': {
    ask: { caller: Caller; kind: ArtifactKind; mailbox?: string; page: PageRequest };
    answer: Page<ArtifactSummary>;
  };
  /** `within`: mailboxes whose messages alone the asker may see; another artifact is refused, in the trail too, as if it did not exist. */
  'artifact.get': {
    ask: { caller: Caller; artifactId: ArtifactId; within?: readonly string[] };
    answer: ArtifactDetails;
  };
  /**
   * Raw audio in the body, from `fromSample` (per channel), at most `samples` of them. `play: true` audits a hearing, once per
   * request; `'export'` that a copy leaves the vault.
   */
  'artifact.audio': {
    ask: { caller: Caller; artifactId: ArtifactId; fromSample: number; samples: number; play: boolean | 'export' };
    answer: { encoding: AudioEncoding; channels: 1 | 2; totalSamples: number };
  };
  /** Writes the audio to `<spool>/out/<random>.ul` (mono, for a phone) and answers the path; removed by `playout.done` or after 10 minutes. */
  'playout.open': { ask: { caller: Caller; artifactId: ArtifactId }; answer: { path: string; durationMs: number } };
  'playout.done': { ask: { path: string }; answer: Record<string, never> };
  /**
   * Names, notes, tags and transcripts, best first; a query of three digits or more also finds that number's calls. `within`: the
   * mailboxes whose messages alone are found, no recordings, beside all calls.
   */
  search: {
    ask: { caller: Caller; query: string; limit: number; within?: readonly string[]; filter?: SearchFilter };
    answer: SearchAnswer;
  };
  'artifact.markRead': { ask: { caller: Caller; artifactId: ArtifactId }; answer: Record<string, never> };
  'artifact.dispose': { ask: { caller: Caller; artifactId: ArtifactId }; answer: Record<string, never> };

  // What people add to a call, message or recording. A tag is a word; a transcript is written by the appliance alone.
  'note.add': {
    ask: { caller: Caller; subject: string; kind: NoteKind; text: string };
    answer: { noteId: string };
  };
  /** `within`: as `artifact.get`; another's message is refused as if it did not exist. */
  'note.list': {
    ask: { caller: Caller; subject: string; within?: readonly string[] };
    answer: { notes: readonly Note[] };
  };
  /** `subject`: what it must be about. */
  'note.remove': { ask: { caller: Caller; noteId: string; subject?: string }; answer: Record<string, never> };

  // People.
  /** `sessions`: how many each has open. */
  'users.list': { ask: { caller: Caller }; answer: { users: (UserAccount & { readonly sessions: number })[] } };
  /** Answers the one-time enrolment token, good for 24 hours; the caller puts it into a link. */
  'users.invite': {
    ask: { caller: Caller; login: string; name: string; roles: Role[]; mailboxes: string[] };
    answer: { userId: UserId; token: string };
  };
  /** What one may do from the next request on. Rejects `last-admin`. */
  'users.change': {
    ask: { caller: Caller; userId: UserId; name: string; roles: Role[]; mailboxes: string[] };
    answer: Record<string, never>;
  };
  /** A locked account logs in no more and its sessions end; unlocking also forgets wrong guesses. Rejects `own-account`, `last-admin`. */
  'users.lock': { ask: { caller: Caller; userId: UserId; isLocked: boolean }; answer: Record<string, never> };
  /** A new one-time link for somebody who lost password or second factor; the old ones are gone at once. Rejects `own-account`. */
  'users.reinvite': { ask: { caller: Caller; userId: UserId }; answer: { token: string } };
  'users.endSessions': { ask: { caller: Caller; userId: UserId }; answer: { ended: number } };
  'users.remove': { ask: { caller: Caller; userId: UserId }; answer: Record<string, never> };
  /** First step of enrolment: who the token is for. Rejects `enrolment-invalid`. */
  'enrolment.begin': {
    ask: { token: string; address: string };
    answer: { login: string; name: string; totpSecret: string; totpUri: string };
  };
  /** Second step: the password is checked against the policy, the code against the secret that `begin` gave. Logs the person in. */
  'enrolment.finish': {
    ask: { token: string; password: string; code: string; address: string };
    answer: { sessionToken: string; session: SessionInfo };
  };
  /** Rejects `login-failed` alike for an unknown login, a wrong password, a wrong code; `locked-out` after too many. */
  'session.login': {
    ask: { login: string; password: string; code: string; address: string };
    answer: { sessionToken: string; session: SessionInfo };
  };
  /** Finds and touches a session: it ends 15 minutes after the last touch; a poll of the page itself does not touch. Rejects `no-session`. */
  'session.check': {
    ask: { sessionToken: string; address: string; isBackground?: boolean };
    answer: SessionInfo;
  };
  'session.logout': { ask: { sessionToken: string; address: string }; answer: Record<string, never> };
  /** The sessions of whose token it is, newest first. */
  'session.list': { ask: { sessionToken: string }; answer: { sessions: readonly OpenSession[] } };
  /** Ends all of that person's but this one. */
  'session.endOthers': { ask: { sessionToken: string; address: string }; answer: { ended: number } };
  /** Rejects as `session.login` does when password or code is wrong, `password-weak`; the person's other sessions end. */
  'password.change': {
    ask: { sessionToken: string; password: string; code: string; newPassword: string; address: string };
    answer: Record<string, never>;
  };

  // The trail.
  'audit.page': { ask: { caller: Caller; page: PageRequest }; answer: Page<SealedEntryContent> };
  /** Newest first. A page may be short, or empty, and have a `next`: so much of the trail was looked through for it. */
  'audit.search': { ask: { caller: Caller; filter: AuditFilter; page: PageRequest }; answer: Page<SealedEntryContent> };
  /** Begins a signed copy of entries `from` to `until` (all by default): its first line, and its last. FORMAT.md §7.4. */
  'audit.export': {
    ask: { caller: Caller; from?: number; until?: number };
    answer: { exportId: string; header: string; head: string; from: number; until: number };
  };
  /** The lines of the entries after `after`, in the body, each with its line feed; `last` is the last of them. */
  'audit.exportEntries': { ask: { caller: Caller; exportId: string; after: number }; answer: { last: number } };
  /** A signed head of now, one line; it is written to the heads file too. */
  'audit.head': { ask: { caller: Caller }; answer: { head: string } };
  /** Walks the whole chain; with `head`, also checks that it is a prefix of today's. */
  'audit.verify': {
    ask: { caller: Caller; head?: string };
    answer: { ok: boolean; entries: number; head: string; firstBad?: { sequence: number; problem: string } };
  };
}

export type VaultOperation = keyof VaultOperations;
export type Ask<Operation extends VaultOperation> = VaultOperations[Operation]['ask'];
export type AnswerTo<Operation extends VaultOperation> = VaultOperations[Operation]['answer'];

/** The vault as the controller, the API and the command line see it, over a link or in the same process. */
export interface Vault {
  ask<Operation extends VaultOperation>(
    operation: Operation,
    ask: Ask<Operation>,
    body?: Uint8Array,
  ): Promise<AnswerTo<Operation>>;
  /** The same, for operations that answer with a binary part. */
  askForBytes<Operation extends VaultOperation>(
    operation: Operation,
    ask: Ask<Operation>,
  ): Promise<{ answer: AnswerTo<Operation>; body: Uint8Array }>;
  /** Calls `listener` on notices: `clinic.changed`, `credentials.changed`, `mailbox.changed {mailbox}`, `records.unlocked`, `records.locked`. */
  onNotice(listener: (notice: { readonly type: string; readonly payload: unknown }) => void): Disposable;
}
