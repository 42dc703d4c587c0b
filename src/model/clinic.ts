// What the clinic is: people's extensions, phones, carrier numbers and what happens to a call. Plain values, valid once made by `parseClinic`.
import type { Brand } from '../kernel/brand.ts';

/** An internal number of 2 to 6 digits. */
export type ExtensionNumber = Brand<string, 'ExtensionNumber'>;
/** `+` and 7 to 15 digits (ITU-T E.164). */
export type E164 = Brand<string, 'E164'>;
/** A short name in lower case with hyphens that other parts refer to: `main-menu`. */
export type Slug = Brand<string, 'Slug'>;
/** `YYYY-MM-DD` in the clinic's zone. */
export type LocalDate = Brand<string, 'LocalDate'>;
/** `HH:MM`, 00:00 to 24:00, in the clinic's zone. */
export type LocalTime = Brand<string, 'LocalTime'>;

export interface Clinic {
  readonly name: string;
  /** IANA name. */
  readonly timeZone: string;
  /** E.164 country calling code without `+`, for numbers written nationally: `1`. */
  readonly countryCode: string;
  /** Where "0", a menu's operator key and a caller who presses nothing go. */
  readonly operator: Destination;
  readonly emergency: EmergencyPlan;
  readonly extensions: readonly Extension[];
  readonly phones: readonly Phone[];
  readonly mailboxes: readonly Mailbox[];
  readonly trunks: readonly Trunk[];
  readonly dids: readonly Did[];
  readonly huntGroups: readonly HuntGroup[];
  readonly menus: readonly IvrMenu[];
  readonly schedules: readonly Schedule[];
  readonly recording: RecordingPolicy;
  /** The number that reaches one's own mailbox from a desk phone, such as `*97`. */
  readonly voicemailNumber: string;
}

export interface EmergencyPlan {
  /** Dialled string → the string sent to the carrier: `911 → 911`, `9911 → 911`. */
  readonly numbers: Readonly<Record<string, string>>;
  /** The number that the emergency centre can call back. */
  readonly callbackNumber: E164;
  /** Told at once, by their ringing phones' display or a message. */
  readonly notify: readonly ExtensionNumber[];
}

export interface Extension {
  readonly number: ExtensionNumber;
  readonly name: string;
  /** How long its phones ring before `onNoAnswer`. */
  readonly ringSeconds: number;
  readonly onNoAnswer: Destination;
  /** Calls to and from it are recorded, after the spoken notice. */
  readonly isRecorded: boolean;
  /** Caller number shown to carriers; the trunk's own when absent. */
  readonly callerId?: E164;
}

/** A device that registers. Its secret is kept as HA1 alone, in the vault, under its user name. */
export interface Phone {
  /** The SIP user of its address-of-record and its digest user name. */
  readonly username: string;
  readonly extension: ExtensionNumber;
  readonly label: string;
}

export interface Mailbox {
  readonly number: ExtensionNumber;
  readonly name: string;
  /** What a caller hears before the tone; the standard greeting when absent. */
  readonly greeting?: Prompt;
  /** The longest message, in seconds. */
  readonly maxSeconds: number;
}

export interface Trunk {
  readonly id: Slug;
  readonly name: string;
  /** Source addresses (IP or CIDR) that are this carrier; calls from elsewhere are refused. */
  readonly addresses: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly srtp: 'required' | 'forbidden';
  readonly callerId: E164;
  /** True for the sample clinic's loopback trunk, which the first import removes. */
  readonly isSample: boolean;
}

export interface Did {
  readonly number: E164;
  readonly name: string;
  readonly destination: Destination;
  readonly isRecorded: boolean;
}

export interface HuntGroup {
  readonly id: Slug;
  readonly name: string;
  /** Dialable from inside when present. */
  readonly number?: ExtensionNumber;
  readonly strategy: 'simultaneous' | 'sequential';
  readonly members: readonly ExtensionNumber[];
  /** In all when simultaneous, for each member when sequential. */
  readonly ringSeconds: number;
  readonly onNoAnswer: Destination;
}

export interface IvrMenu {
  readonly id: Slug;
  readonly name: string;
  readonly prompt: Prompt;
  /** Digits pressed → where the call goes. */
  readonly choices: Readonly<Record<string, Destination>>;
  /** Whether a caller may dial an extension's number from the menu. */
  readonly canDialExtensions: boolean;
  /** Silence after the prompt before it is played again. */
  readonly timeoutSeconds: number;
  /** Silence between two digits that ends what was dialled. */
  readonly interDigitSeconds: number;
  /** Times the prompt is played, invalid keys included, before `onFailure`. */
  readonly maxAttempts: number;
  readonly onFailure: Destination;
  /** The key for the operator, `0` unless told otherwise. */
  readonly operatorKey: string;
}

export interface Schedule {
  readonly id: Slug;
  readonly name: string;
  readonly open: readonly WeeklyHours[];
  /** Days on which it is closed whatever the week says. */
  readonly closures: readonly { readonly date: LocalDate; readonly name: string }[];
}

export interface WeeklyHours {
  /** 1 is Monday, 7 is Sunday (ISO 8601). */
  readonly weekday: 1 | 2 | 3 | 4 | 5 | 6 | 7;
  readonly from: LocalTime;
  readonly until: LocalTime;
}

/** Text is spoken once, when it is edited, and kept; a file is the name of a prompt under `config/prompts/en`. */
export type Prompt = { readonly text: string } | { readonly file: string };

export interface RecordingPolicy {
  /** Said to both sides before a recording begins. */
  readonly notice: Prompt;
  /** What one of our phones presses in a recorded call to silence the recording, and again to let it hear. */
  readonly maskCode?: string;
  /** The same for leaving a time out of it. */
  readonly pauseCode?: string;
  /** Digits that sound in the audio itself are silenced in recordings; those of RFC 4733 never are in them. */
  readonly blanksDigits?: boolean;
}

export type Destination =
  | { readonly to: 'extension'; readonly number: ExtensionNumber }
  | { readonly to: 'hunt-group'; readonly id: Slug }
  | { readonly to: 'menu'; readonly id: Slug }
  | { readonly to: 'mailbox'; readonly number: ExtensionNumber }
  | { readonly to: 'hours'; readonly schedule: Slug; readonly open: Destination; readonly closed: Destination }
  | { readonly to: 'prompt'; readonly prompt: Prompt; readonly then: Destination }
  | { readonly to: 'operator' }
  | { readonly to: 'hang-up' };
