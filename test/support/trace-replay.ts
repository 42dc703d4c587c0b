// Replays a recording of drachtio-server against our edge: same frames and messages in, what comes out compared by structure.

import { serialise } from '../../src/protocol/sip/serialise.ts';
import type { EdgeBench, RawApp, RawFrame } from './edge-bench.ts';
import type { SipPeer } from './sip-peer.ts';

/** `atMs`: since the recording began. */
export type TraceStep = { readonly atMs: number } & (
  | { readonly do: 'app-says' | 'app-hears'; readonly leader: string; readonly text: string }
  | { readonly do: 'peer-says' | 'peer-hears'; readonly port: string; readonly text: string }
);

/** The steps of a trace file; notes and closings are left out. */
export function parseTrace(file: string): TraceStep[] {
  const steps: TraceStep[] = [];
  const parts = file.split(/^\[\+(\d+\.\d+)\] /m).slice(1);
  for (let index = 0; index < parts.length; index += 2) {
    const [atMs, block = ''] = [Number(parts[index]) * 1000, parts[index + 1]];
    const [head = '', ...rest] = block.replace(/\n\n$/, '\n').split('\n');
    const lines = rest.filter((line) => line.startsWith('    ')).map((line) => line.slice(4));
    const peer = /^(>>>|<<<) \[peer:(\d+)\]/.exec(head);
    const app = /^(?:\[A\] (app->server|server->app) {2}|APP1 (==>|<==) DRACHTIO)(.*)$/.exec(head);
    if (peer !== null) {
      const said = peer[1] === '>>>' ? 'peer-says' : 'peer-hears';
      steps.push({ atMs, do: said, port: peer[2] ?? '', text: networkText(lines) });
    } else if (app !== null) {
      const isSaying = app[1] === 'app->server' || app[2] === '==>';
      const all = app[3] === '' ? lines : [app[3] ?? '', ...lines];
      steps.push({ atMs, do: isSaying ? 'app-says' : 'app-hears', ...frameOf(all) });
    }
  }
  return steps;
}

/** In frames line ends are written as `\r\n`, in network messages they are line ends; the length says where a frame ends. */
function frameOf(lines: readonly string[]): { leader: string; text: string } {
  const joined = lines.map((line) => (line.endsWith('\\r\\n') ? `${line.slice(0, -4)}\r\n` : `${line}\r\n`)).join('');
  const [, length = '0', rest = ''] = /^(\d+)#([\s\S]*)$/.exec(joined) ?? [];
  const payload = Buffer.from(rest).subarray(0, Number(length)).toString();
  const end = payload.indexOf('\r\n');
  return end < 0 ? { leader: payload, text: '' } : { leader: payload.slice(0, end), text: payload.slice(end + 2) };
}

function networkText(lines: readonly string[]): string {
  return sized(`${lines.join('\r\n')}\r\n\r\n`);
}

/** The log wraps the end of a body; Content-Length says where it is. */
function sized(text: string): string {
  const end = text.indexOf('\r\n\r\n') + 4;
  const length = Number(/^(?:content-length|l)\s*:\s*(\d+)/im.exec(text)?.[1] ?? 0);
  if (end < 4) return `${text.trimEnd()}\r\n\r\n`;
  return text.slice(0, end) + Buffer.from(text.slice(end)).subarray(0, length).toString();
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d\d:\d\d:\d\d\.\d{6}$/;
/** Compared by value once ids are mapped; the rest by name alone. */
const COMPARED = new Set(
  ['from', 'to', 'call-id', 'cseq', 'contact', 'route', 'record-route', 'content-type', 'max-forwards', 'event'].concat(
    [
      'subscription-state',
      'reason',
      'require',
      'rack',
      'expires',
      'supported',
      'x-foo',
      'x-app',
      'session-expires',
      'min-se',
      'path',
    ],
  ),
);

export class Replay {
  readonly #names = new Map<string, string>();
  readonly #app: RawApp;
  readonly #peers: ReadonlyMap<string, SipPeer>;

  constructor(bench: EdgeBench, app: RawApp, peers: ReadonlyMap<string, SipPeer>, transport: 'udp' | 'tcp') {
    this.#app = app;
    this.#peers = peers;
    for (const port of ['5060', '17370']) this.#names.set(port, String(bench.port(`carrier/${transport}`)));
    for (const [port, peer] of peers) this.#names.set(port, String(peer.port));
  }

  /** Runs one step; returns what differs, in words. */
  async step(step: TraceStep): Promise<string[]> {
    switch (step.do) {
      case 'app-says': {
        const payload = Buffer.from(
          `${this.#mapped(step.leader)}${step.text === '' ? '' : `\r\n${this.#mapped(step.text)}`}`,
        );
        this.#app.write(Buffer.concat([Buffer.from(`${payload.length}#`), payload]));
        return [];
      }
      case 'peer-says':
        this.#peers.get(step.port)?.send(this.#mapped(step.text));
        return [];
      case 'app-hears':
        return this.#compareFrame(step, await this.#app.take(() => true, step.leader));
      case 'peer-hears': {
        const peer = this.#peers.get(step.port);
        if (peer === undefined) return [`no peer ${step.port}`];
        return this.#compareText(step.text, serialise(await peer.takeNext()).toString());
      }
    }
  }

  #compareFrame(step: { leader: string; text: string }, actual: RawFrame): string[] {
    const flaws = step.text === '' ? [] : this.#compareText(step.text, actual.text);
    const expected = step.leader.split('|');
    if (expected[1] === 'response' && expected[4]?.includes('/'))
      return [...flaws, ...same('fields', expected.length, actual.fields.length)];
    flaws.push(...same(`fields of ${step.leader}`, expected.length, actual.fields.length));
    for (const [index, raw] of expected.entries()) {
      const field = actual.fields[index] ?? '(none)';
      if (UUID.test(raw) && UUID.test(field) && !this.#names.has(raw)) this.#names.set(raw, field);
      const isBytes = /^\d+$/.test(raw) && /^\d+$/.test(field) && (raw === '0') === (field === '0');
      const isFree = (TIME.test(raw) && TIME.test(field)) || (isBytes && isBytesField(expected, index));
      if (!isFree) flaws.push(...same(`field ${index} of ${step.leader}`, this.#mapped(raw), field));
    }
    return flaws;
  }

  #compareText(trace: string, actual: string): string[] {
    const [expected, got] = [linesOf(trace), linesOf(actual)];
    const seen = new Map<string, number>();
    for (const [name, value] of expected.headers) {
      const nth = seen.get(name) ?? 0;
      seen.set(name, nth + 1);
      this.#learn(name, value, got.headers.filter(([other]) => other === name)[nth]?.[1] ?? '');
    }
    const flaws = same('start line', this.#mapped(expected.start), got.start);
    flaws.push(...same(`headers of ${expected.start}`, names(expected), names(got)));
    for (const name of COMPARED) {
      const values = (message: Message) =>
        message.headers.filter(([other]) => other === name).map(([, value]) => value);
      flaws.push(
        ...same(
          `${name} of ${expected.start}`,
          values(expected)
            .map((v) => this.#mapped(v))
            .join(),
          values(got).join(),
        ),
      );
    }
    return [...flaws, ...same(`body of ${expected.start}`, expected.body, got.body)];
  }

  /** What each side makes up: tags, Call-IDs, branches, first CSeq numbers, RSeq. */
  #learn(name: string, trace: string, actual: string): void {
    const pick = (pattern: RegExp) => {
      const [from, to] = [pattern.exec(trace)?.[1], pattern.exec(actual)?.[1]];
      if (from !== undefined && to !== undefined && from !== to && this.#mapped(from) === from)
        this.#names.set(from, to);
    };
    if (name === 'from' || name === 'to') pick(/;tag=([^;]+)/);
    else if (name === 'call-id') pick(/^(.*)$/);
    else if (name === 'via') pick(/branch=([^;]+)/);
    else if (name === 'cseq') pick(/^(\d{6,})/);
    else if (name === 'rseq') pick(/^(\d+)$/);
  }

  #mapped(text: string): string {
    const keys = [...this.#names.keys()].sort((a, b) => b.length - a.length);
    const pattern = new RegExp(
      `(?<![\\w])(${keys.map((key) => key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})(?![\\w])`,
      'g',
    );
    return text.replace(pattern, (found) => this.#names.get(found) ?? found);
  }
}

interface Message {
  readonly start: string;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly body: string;
}

function linesOf(text: string): Message {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map(
    (line) =>
      [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const,
  );
  return { start, headers, body: text.slice(end + 4) };
}

const names = ({ headers }: Message): string =>
  headers
    .map(([name]) => name)
    .sort()
    .join();

function isBytesField(leader: readonly string[], index: number): boolean {
  return leader[1] === 'sip' ? index === 3 : index === 5;
}

function same(what: string, expected: string | number, actual: string | number): string[] {
  return expected === actual ? [] : [`${what}: expected ${expected}, got ${actual}`];
}
