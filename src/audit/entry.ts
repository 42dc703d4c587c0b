// What the audit trail says of one act: when, who, from where, what, to which artifact, with what outcome.
import type { UtcMs } from '../kernel/clock.ts';

/** Who acted. `local` is a user of the operating system at the command line. */
export type Actor =
  | { readonly kind: 'user'; readonly id: string; readonly login: string }
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'phone'; readonly username: string }
  | { readonly kind: 'caller'; readonly callId: string }
  | { readonly kind: 'local'; readonly user: string };

export type AuditAction =
  // The vault, its keys and the ways to open it.
  | 'vault-created'
  | 'vault-opened'
  | 'vault-closed'
  | 'vault-unlocked'
  | 'vault-locked'
  | 'vault-verified'
  | 'slot-added'
  | 'slot-removed'
  | 'slot-replaced'
  | 'root-rotated'
  | 'epoch-created'
  | 'epoch-destroyed'

  // Settings, phones and certificates.
  | 'settings-imported'
  | 'settings-exported'
  | 'extension-added'
  | 'credential-set'
  | 'prompt-added'
  | 'certificate-renewed'

  // Registrations, sources and traces of SIP.
  | 'binding-added'
  | 'binding-removed'
  | 'registration-failed'
  | 'source-banned'
  | 'ban-lifted'
  | 'sip-trace-started'

  // Calls.
  | 'call-ended'
  | 'calls-listed'
  | 'call-read'
  | 'call-disposed'
  | 'emergency-call'

  // Voicemail, recordings and greetings.
  | 'artifact-opened'
  | 'artifact-closed'
  | 'artifact-recovered'
  | 'artifact-adopted'
  | 'recording-failed'
  | 'artifact-marked'
  | 'voicemails-listed'
  | 'recordings-listed'
  | 'artifact-read'
  | 'artifact-played'
  | 'artifact-played-to-phone'
  | 'artifact-exported'
  | 'artifact-disposed'

  // Notes and search.
  | 'note-added'
  | 'note-removed'
  | 'notes-read'
  | 'records-searched'

  // People and their sessions.
  | 'user-invited'
  | 'user-enrolled'
  | 'user-changed'
  | 'user-locked'
  | 'user-unlocked'
  | 'user-reinvited'
  | 'user-removed'
  | 'password-changed'
  | 'logged-in'
  | 'login-failed'
  | 'locked-out'
  | 'logged-out'
  | 'session-ended'

  // The trail itself.
  | 'audit-searched'
  | 'audit-verified'
  | 'audit-exported'

  // Backups and drills.
  | 'backup-started'
  | 'backup-created'
  | 'backup-verified'
  | 'backup-forgotten'
  | 'vault-restored'
  | 'drill-run'
  | 'drill-scheduled'

  // Retention.
  | 'retention-changed'
  | 'hold-placed'
  | 'hold-released'
  | 'disposal-completed';

/** A row that the transaction wrote or deleted; `hash` is of its ciphertext, absent when it was deleted. */
export interface RowChange {
  readonly table: string;
  readonly row: string;
  readonly version: number;
  readonly hash?: string;
}

/** What a caller of `transact` says; the vault adds the sequence number and the row changes. */
export interface AuditEntry {
  readonly action: AuditAction;
  readonly actor: Actor;
  /** Network address it came from; empty for the appliance itself. */
  readonly address: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  /** The artifact, call, user or setting that it was about. */
  readonly subject?: string;
  /** A few words more; sealed like the rest of the entry. */
  readonly detail?: string;
}

export interface SealedEntryContent extends AuditEntry {
  readonly at: UtcMs;
  readonly sequence: number;
  readonly rows: readonly RowChange[];
}
