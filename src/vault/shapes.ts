// What the vault tells of what it keeps, as types: records, people, rules, copies and states, without the operations on them.
import type { Actor } from '../audit/entry.ts';
import type { UtcMs } from '../kernel/clock.ts';
import type { ArtifactId, CallId, UserId } from '../kernel/id.ts';
import type { Cdr } from '../model/cdr.ts';

/** Who asks, for the audit trail. */
export interface Caller {
  readonly actor: Actor;
  readonly address: string;
}

export interface VaultStatus {
  readonly formatVersion: number;
  readonly records: 'unlocked' | 'locked';
  readonly createdAt: UtcMs;
  readonly auditSequence: number;
  readonly auditHead: string;
  /** What the check at start found, empty when all is well. */
  readonly problems: readonly string[];
  readonly counts: {
    readonly calls: number;
    readonly voicemails: number;
    readonly recordings: number;
    readonly users: number;
  };
  readonly slots: readonly { readonly id: string; readonly kind: string; readonly opens: 'service' | 'both' }[];
  /** The newest head that was signed and left the database. */
  readonly lastHead?: { readonly sequence: number; readonly at: UtcMs };
}

/** Days by class; null or absent keeps for good. */
export interface RetentionRules {
  readonly cdr?: number | null;
  readonly voicemail?: number | null;
  readonly recording?: number | null;
  readonly greeting?: number | null;
  /** Of single mailboxes and queues, by number; before the rule of the class, longer or shorter. */
  readonly places?: Readonly<Record<string, number | null>>;
}

export interface Hold {
  readonly id: string;
  /** Ids of artifacts and calls, or `everything`. */
  readonly subjects: readonly string[];
  readonly reason: string;
  readonly placedAt: number;
}

export interface BackupTarget {
  readonly id: string;
  readonly path: string;
  readonly lastAt: number;
  readonly until: number;
  readonly bytes: number;
  /** Whether its folder can be seen now. */
  readonly isThere: boolean;
  /** Artifacts that were disposed of and whose keys its bundle still holds. */
  readonly holdsDisposed: number;
}

export interface DrillReport {
  readonly at: number;
  /** The folder of the backup. */
  readonly from: string;
  /** Empty when all of it was opened. */
  readonly problems: readonly string[];
  readonly restoreMs: number;
  readonly checkMs: number;
  readonly calls: number;
  readonly artifacts: number;
  /** The records were not looked into: what opened it opens the settings alone. */
  readonly isLocked: boolean;
}

export interface DrillStatus {
  /** Null: by command alone. */
  readonly everyDays: number | null;
  readonly last?: DrillReport;
}

/** Digest secrets of one phone: hex HA1 of username:realm:password. */
export interface SipCredential {
  readonly username: string;
  readonly ha1Sha256: string;
  readonly ha1Md5: string;
}

export interface PhonePassword {
  readonly username: string;
  readonly password: string;
}

export type ArtifactKind = 'voicemail' | 'recording' | 'greeting';
export type AudioEncoding = 'ulaw-8000' | 'l16-16000';
/** Where a captured artifact stands. `cut-off` has a recovery entry; `tampered` has neither FINAL nor one. */
export type ArtifactState = 'open' | 'complete' | 'cut-off' | 'failed' | 'tampered';

export interface ArtifactHeader {
  readonly kind: ArtifactKind;
  readonly callId: CallId;
  readonly startedAt: UtcMs;
  readonly encoding: AudioEncoding;
  readonly channels: 1 | 2;
  /** Voicemail: the mailbox; recording: the queue that it was made in, or empty. */
  readonly mailbox: string;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
}

export interface ArtifactSummary extends ArtifactHeader {
  readonly id: ArtifactId;
  readonly state: ArtifactState;
  readonly durationMs: number;
  readonly isRead: boolean;
}

export type NoteKind = 'note' | 'tag' | 'transcript';

export interface Note {
  readonly id: string;
  readonly kind: NoteKind;
  readonly text: string;
  /** Who wrote it, as the trail names them. */
  readonly by: string;
  readonly at: UtcMs;
}

export type SearchHit = {
  readonly score: number;
  /** Of the record, newest first. */
  readonly notes: readonly Note[];
} & ({ readonly call: Cdr } | { readonly artifact: ArtifactSummary });

/** What a search is narrowed to. */
export interface SearchFilter {
  /** What is found: a record of that kind, or one by its notes and tags, or by its transcript, alone. */
  readonly kind?: 'call' | 'voicemail' | 'recording' | 'note' | 'transcript';
  /** When it began; both ends included. */
  readonly since?: number;
  readonly until?: number;
  /** A tag that it has, whole; case does not count. */
  readonly tag?: string;
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  /** Records and notes that the index holds by now, and whether those are all. */
  readonly indexed: number;
  readonly isComplete: boolean;
  /** Rows that were read for the index, of all there are. */
  readonly progress: { readonly done: number; readonly all: number };
}

/** What happened to a recording, and when: milliseconds of its audio from its start. */
export interface ArtifactMark {
  readonly mark: 'notice-played' | 'masked' | 'unmasked' | 'paused' | 'resumed' | 'digits-blanked' | 'digits-over';
  readonly atMs: number;
}

/** How long something is kept. */
export interface Keeping {
  /** By the rule of its class, mailbox or queue; absent: for good. */
  readonly keptUntil?: UtcMs;
  /** Holds that keep it beyond that. */
  readonly holds: readonly Hold[];
}

export interface ArtifactDetails extends ArtifactSummary, Keeping {
  readonly marks: readonly ArtifactMark[];
  /** Stretches of which no audio arrived: silence stands there. */
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export interface CallDetails extends Keeping {
  readonly call: Cdr;
  /** What was captured in it and is still there. */
  readonly artifacts: readonly ArtifactSummary[];
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Pass it to get the next page; absent on the last. */
  readonly next?: string;
  /** Rows of this page that were changed outside of the vault: named, not shown. */
  readonly damaged?: readonly string[];
}

export interface PageRequest {
  readonly limit: number;
  readonly after?: string;
}

export interface UserAccount {
  readonly id: UserId;
  readonly login: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly state: 'invited' | 'active' | 'locked';
  /** The mailboxes that this person may hear. */
  readonly mailboxes: readonly string[];
}

export type Role = 'admin' | 'auditor' | 'staff';

export interface SessionInfo {
  readonly user: UserAccount;
  readonly startedAt: UtcMs;
  readonly expiresAt: UtcMs;
}

/** As its person sees it. */
export interface OpenSession {
  readonly startedAt: UtcMs;
  readonly seenAt: UtcMs;
  /** Where it was begun from; empty when not known. */
  readonly address: string;
  readonly isThis: boolean;
}
