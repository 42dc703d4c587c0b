// One call, message or recording in lines for a terminal: times, parties, sound, marks, notes and tags, and how long it is kept.
import type { LegQuality } from '../model/cdr.ts';
import type { ArtifactDetails, ArtifactMark, CallDetails, Keeping, Note } from '../vault/shapes.ts';
import { duration, localTime } from './print.ts';

/** What is shown of a recording: its details when the asker may know them, and what people wrote about it. */
export interface ShownArtifact {
  readonly artifact: Omit<ArtifactDetails, keyof Keeping> & Partial<Keeping>;
  readonly notes: readonly Note[];
}

const WIDTH = 80;
const NAME_WIDTH = 10;
const STATES: Readonly<Record<string, string>> = {
  open: 'still going on',
  'cut-off': 'CUT OFF: the appliance stopped in the middle of it',
  failed: 'INCOMPLETE: it could not be kept to the end',
  tampered: 'DAMAGED: changed outside of the vault; it is not played',
};

/** Lines of 80 columns at most. */
export function callLines(details: CallDetails, notes: readonly Note[], timeZone: string): string[] {
  const { call } = details;
  const { callId, direction, from, fromName, to, startedAt, answeredAt, endedAt, outcome, steps, quality = [] } = call;
  const how =
    outcome.ended === 'answered'
      ? `answered, ended by the ${outcome.by}`
      : outcome.ended === 'unanswered'
        ? `unanswered: ${outcome.reason}`
        : `failed by the ${outcome.fault}${outcome.sipStatus === undefined ? '' : `, SIP ${outcome.sipStatus}`}`;
  return [
    ...line('Call', `${callId}, ${direction}, ${how}`),
    ...line('From', party(from, fromName)),
    ...line('To', to),
    ...line('Began', localTime(startedAt, timeZone)),
    ...line('Rang', duration((answeredAt ?? endedAt) - startedAt)),
    ...(answeredAt === undefined ? [] : line('Talked', duration(endedAt - answeredAt))),
    ...(steps.length === 0 ? [] : line('Went to', steps.map(({ kind, name }) => `${kind} ${name}`).join(', '))),
    ...quality.flatMap((leg, index) => line(index === 0 ? 'Sound' : '', qualityText(leg))),
    ...noteLines(notes),
    ...keepingLines(details, timeZone),
  ];
}

export function artifactLines({ artifact, notes }: ShownArtifact, timeZone: string): string[] {
  const { id, kind, mailbox, from, fromName, to, startedAt, durationMs, channels, state, marks, gaps } = artifact;
  const place = kind === 'voicemail' ? 'Mailbox' : 'Queue';
  return [
    ...line(kind === 'voicemail' ? 'Message' : 'Recording', id),
    ...line('From', party(from, fromName)),
    ...line('To', to),
    ...(mailbox === '' ? [] : line(place, mailbox)),
    ...line('Began', localTime(startedAt, timeZone)),
    ...line('Length', `${duration(durationMs)}, ${channels === 2 ? 'a channel for each party' : 'one channel'}`),
    ...(STATES[state] === undefined ? [] : line('State', STATES[state])),
    ...[...marks.toSorted((a, b) => a.atMs - b.atMs).map(markText), ...gaps.map(gapText)].flatMap((text, index) =>
      line(index === 0 ? 'Marks' : '', text),
    ),
    ...noteLines(notes),
    ...(artifact.holds === undefined ? [] : keepingLines({ ...artifact, holds: artifact.holds }, timeZone)),
  ];
}

function party(number: string, name: string): string {
  return [number || 'withheld', name].filter(Boolean).join(' ');
}

function qualityText({ leg, mos, lossPercent, jitterMs, roundTripMs, heardMos }: LegQuality): string {
  const parts = [
    `MOS ${mos.toFixed(1)}`,
    `lost ${lossPercent.toFixed(1)} %`,
    jitterMs !== undefined && `jitter ${Math.round(jitterMs)} ms`,
    roundTripMs !== undefined && `round trip ${Math.round(roundTripMs)} ms`,
    heardMos !== undefined && `heard there ${heardMos.toFixed(1)}`,
  ];
  return `${leg}: ${parts.filter(Boolean).join(', ')}`;
}

function markText({ mark, atMs }: ArtifactMark): string {
  return `${duration(atMs)} ${mark.replace('-', ' ')}`;
}

function gapText({ fromMs, toMs }: { fromMs: number; toMs: number }): string {
  return `${duration(fromMs)} to ${duration(toMs)} no audio arrived`;
}

function noteLines(notes: readonly Note[]): string[] {
  const tags = notes.filter(({ kind }) => kind === 'tag').map(({ text }) => `#${text}`);
  const others = notes.filter(({ kind }) => kind !== 'tag').map((note) => `${noteHead(note)}: ${note.text}`);
  return [
    ...(tags.length === 0 ? [] : line('Tags', tags.join(' '))),
    ...others.flatMap((text, index) => line(index === 0 ? 'Notes' : '', text)),
  ];
}

function noteHead({ kind, by }: Note): string {
  return kind === 'transcript' ? 'transcript' : by;
}

function keepingLines({ keptUntil, holds }: Keeping, timeZone: string): string[] {
  const until = keptUntil === undefined ? 'for good' : `until ${localTime(keptUntil, timeZone)}`;
  return [...line('Kept', until), ...holds.flatMap(({ id, reason }) => line('Held', `${reason} (${id})`))];
}

/** A name and its value; what is longer than the line goes on under it. */
function line(name: string, value: string): string[] {
  const room = WIDTH - NAME_WIDTH;
  return wrapped(printable(value), room).map((text, index) =>
    `${(index === 0 ? name : '').padEnd(NAME_WIDTH)}${text}`.trimEnd(),
  );
}

/** What a caller's display name or a note says is text to a terminal and never a command. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const at = space > 0 ? space : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
