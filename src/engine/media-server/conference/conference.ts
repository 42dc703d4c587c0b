// A conference: its members, the mix of each beat, files over all of it, recordings of it, and the events that tell of it (contract §4.2).
import { clip, MAX_TICK_SAMPLES, NARROW_RATE, samplesOf, WIDE_RATE } from '../../../protocol/rtp/tick.ts';
import type { Channel } from '../channel/channel.ts';
import { isFalse } from '../channel/variables.ts';
import type { EventHub, Fields } from '../host/event-hub.ts';
import type { MediaHost } from '../host/host.ts';
import { newUuid } from '../host/host.ts';
import { Recording } from '../recording/recording.ts';
import type { Played } from './file-queue.ts';
import { FileQueue } from './file-queue.ts';
import { Member, type MemberFlags } from './member.ts';
import { memberFields } from './member-fields.ts';
import { Relations } from './relations.ts';

export const MAINTENANCE = 'conference::maintenance';

const MAX_RECORDINGS = 4;
/** What FreeSWITCH's default profile plays when somebody comes or goes. */
const ENTER_SOUND = 'tone_stream://%(200,0,500,600,700)';
const EXIT_SOUND = 'tone_stream://%(500,0,300,200,100,50,25)';

export interface ConferenceParts {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly name: string;
  readonly profile: string;
  readonly pin: string;
  /** Nobody hears anybody until a moderator comes. */
  readonly waitsForModerator: boolean;
  /** The last one has left. */
  readonly onEnd: (conference: Conference) => void;
}

export type Entry = MemberFlags & { readonly isMuted: boolean; readonly isDeaf: boolean };

export class Conference {
  readonly uuid: string;
  readonly name: string;
  readonly profile: string;
  readonly files: FileQueue;
  readonly relations = new Relations();
  isWaiting: boolean;
  readonly startedAt: number;
  pin: string;
  isLocked = false;
  maxMembers = 0;
  readonly host: MediaHost;
  /** Played to all when somebody comes and goes; empty for none. */
  #enterSound = ENTER_SOUND;
  #exitSound = EXIT_SOUND;
  readonly #parts: ConferenceParts;
  readonly #mix = new Int32Array(MAX_TICK_SAMPLES);
  readonly #recorded = new Int16Array(MAX_TICK_SAMPLES);
  readonly #narrow = this.#recorded.subarray(0, MAX_TICK_SAMPLES / 2);
  readonly #recordings = new Map<string, Recording>();
  /** For the beat: rebuilt when somebody comes or goes. */
  #members: Member[] = [];
  #recordingList: Recording[] = [];
  #rate = NARROW_RATE;
  #isOver = false;
  #mostMembers = 0;

  constructor(parts: ConferenceParts) {
    const { host, name, profile, pin, waitsForModerator } = parts;
    this.#parts = parts;
    this.host = host;
    this.uuid = newUuid(host.random);
    this.name = name;
    this.profile = profile;
    this.pin = pin;
    this.isWaiting = waitsForModerator;
    this.startedAt = host.clock.monotonic();
    this.files = new FileQueue(host, (played) => this.filePlayed(played));
    this.tell('conference-create');
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get size(): number {
    return this.#members.reduce((count, { flags }) => count + (flags.isGhost ? 0 : 1), 0);
  }

  get rate(): number {
    return this.#rate;
  }

  find(id: number): Member | undefined {
    return this.#members.find((member) => member.id === id);
  }

  add(channel: Channel, entry: Entry, id: number, leave: () => void): Member {
    const member = new Member(this, id, channel, entry, leave);
    this.#enter(member);
    return member;
  }

  /** A member of another conference moves here. */
  adopt(member: Member): void {
    member.conference.#drop(member);
    member.conference = this;
    this.#enter(member);
  }

  /** The member is gone; who ended the conference by that takes the others with it. */
  remove(member: Member): void {
    if (!this.#drop(member)) return;
    const isTooSmall = this.#mostMembers >= 2 && this.size < 2 && this.#hasMintwo(member);
    if (member.flags.isEndconf || isTooSmall) this.#endForAll();
  }

  kick(member: Member): void {
    this.tell('kick-member', member);
    this.remove(member);
    member.release();
  }

  /** `Action` and what goes with it, to who listens; with `member` the event is that channel's too. */
  tell(action: string, member?: Member, extra: Fields = []): void {
    this.#parts.hub.publishCustom(MAINTENANCE, () => [
      ...this.#fields(),
      ...(member === undefined ? [] : memberFields(member)),
      ['Action', action],
      ...extra,
    ]);
  }

  filePlayed({ file, ms, samples }: Played, member?: Member): void {
    const told: Fields = [
      ['seconds', String(Math.floor(ms / 1000))],
      ['milliseconds', String(ms)],
      ['samples', String(samples)],
      ['File', file],
    ];
    if (member === undefined) this.tell('play-file-done', undefined, told);
    else this.tell('play-file-member-done', member, told);
  }

  /** One member's beat; the first that comes a second time begins a new mix for all. */
  serve(member: Member, out: Int16Array): void {
    if (member.isServed || this.#members.every(({ isServed }) => !isServed)) this.#beat();
    member.isServed = true;
    member.speak(this.#mix, this.#rate, out);
  }

  startRecording(path: string): boolean {
    if (this.#recordings.has(path) || this.#recordings.size >= MAX_RECORDINGS) return false;
    const recording = Recording.start(this.host, { path, layout: 'heard', limitSeconds: 0, rate: this.#rate });
    if (recording === undefined) return false;
    recording.onEnd = () => this.stopRecording(path);
    this.#recordings.set(path, recording);
    this.#recordingList = [...this.#recordings.values()];
    this.tell('start-recording', undefined, [['Path', path]]);
    return true;
  }

  pauseRecording(path: string, isPaused: boolean): boolean {
    const recording = this.#recordings.get(path);
    if (recording === undefined) return false;
    recording.isPaused = isPaused;
    this.tell(isPaused ? 'pause-recording' : 'resume-recording', undefined, [['Path', path]]);
    return true;
  }

  stopRecording(path: string): boolean {
    const recording = this.#recordings.get(path);
    if (recording === undefined) return false;
    this.#recordings.delete(path);
    this.#recordingList = [...this.#recordings.values()];
    this.host.supervise(recording.stop());
    const { record_samples: samples = 0, record_seconds: seconds = 0, record_ms: ms = 0 } = recording.variables();
    this.tell('stop-recording', undefined, [
      ['Path', path],
      ['Samples-Out', String(samples)],
      ['Seconds-Out', String(seconds)],
      ['Milliseconds-Elapsed', String(ms)],
    ]);
    return true;
  }

  /** Undefined: the one that a conference begins with. Empty: none. */
  setSound(which: 'enter' | 'exit', file: string | undefined): void {
    if (which === 'enter') this.#enterSound = file ?? ENTER_SOUND;
    else this.#exitSound = file ?? EXIT_SOUND;
  }

  get recordingPaths(): readonly string[] {
    return [...this.#recordings.keys()];
  }

  #enter(member: Member): void {
    this.#members = [...this.#members, member];
    this.#chooseRate();
    const { id, flags, channel } = member;
    if (flags.isModerator) this.isWaiting = false;
    this.#mostMembers = Math.max(this.#mostMembers, this.size);
    channel.variables.setAll({
      conference_name: this.name,
      conference_uuid: this.uuid,
      conference_member_id: id,
      conference_moderator: String(flags.isModerator),
      conference_ghost: String(flags.isGhost),
    });
    this.tell('add-member', member);
    this.#announce(member, this.#enterSound);
  }

  #drop(member: Member): boolean {
    if (!this.#members.includes(member)) return false;
    this.#members = this.#members.filter((other) => other !== member);
    member.files.close();
    this.relations.forget(member.id);
    this.#chooseRate();
    this.tell('del-member', member);
    if (this.#members.length === 0) this.#end();
    else this.#announce(member, this.#exitSound);
    return true;
  }

  #hasMintwo(left: Member): boolean {
    return left.flags.isMintwo || this.#members.some(({ flags }) => flags.isMintwo);
  }

  #announce({ flags }: Member, sound: string): void {
    if (sound !== '' && !flags.isGhost && this.#members.length > 1) this.files.add(sound, this.#rate);
  }

  /** Members that are left when the conference ends hang up, unless they say otherwise. */
  #endForAll(): void {
    for (const member of this.#members) {
      this.#drop(member);
      member.release();
      const keeps = isFalse(member.channel.variables.get('hangup_after_conference') ?? '');
      if (!keeps) member.channel.hangup('NORMAL_CLEARING');
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const path of this.recordingPaths) this.stopRecording(path);
    this.files.close();
    this.tell('conference-destroy');
    this.#parts.onEnd(this);
  }

  #chooseRate(): void {
    this.#rate = this.#members.some(({ channel }) => channel.leg.rate === WIDE_RATE) ? WIDE_RATE : NARROW_RATE;
  }

  /** Everybody's 20 ms, and what plays, added up once. */
  #beat(): void {
    this.#chooseRate();
    const count = samplesOf(this.#rate);
    const mix = this.#mix.fill(0, 0, count);
    for (let m = 0; m < this.#members.length; m++) {
      const member = this.#members[m];
      if (member === undefined) continue;
      member.isServed = false;
      member.listen(this.#rate);
      if (this.isWaiting) member.said = undefined;
      const { said } = member;
      if (said !== undefined) for (let i = 0; i < count; i++) mix[i] = (mix[i] ?? 0) + (said[i] ?? 0);
    }
    const file = this.files.read(this.#rate);
    if (file !== undefined) for (let i = 0; i < count; i++) mix[i] = (mix[i] ?? 0) + (file[i] ?? 0);
    this.#record(count);
  }

  #record(count: number): void {
    if (this.#recordingList.length === 0) return;
    const frame = count === MAX_TICK_SAMPLES ? this.#recorded : this.#narrow;
    for (let i = 0; i < count; i++) frame[i] = clip(this.#mix[i] ?? 0);
    for (let r = 0; r < this.#recordingList.length; r++) this.#recordingList[r]?.capture(frame, frame);
  }

  #fields(): Fields {
    return [
      ['Conference-Name', this.name],
      ['Conference-Domain', this.host.address],
      ['Conference-Size', String(this.size)],
      ['Conference-Ghosts', String(this.#members.length - this.size)],
      ['Conference-Profile-Name', this.profile],
      ['Conference-Unique-ID', this.uuid],
    ];
  }
}
