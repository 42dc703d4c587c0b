// Commands that a client sends on an event socket: a line, headers, an empty line, and a body when `content-length` says so.

/** Bytes that one command may have, its body included. */
export const MAX_COMMAND_BYTES = 256 * 1024;
const MAX_HEADERS = 64;

export interface EventSocketCommand {
  /** The first word: `api`, `sendmsg`, `event`, … as written. */
  readonly name: string;
  /** What follows it on the first line, trimmed. */
  readonly args: string;
  /** A blank stood behind it: to TAB on a console that is the beginning of a next word. */
  readonly endsInBlank: boolean;
  /** By lower-case name; values are not decoded. */
  readonly headers: ReadonlyMap<string, string>;
  /** The same as they were written, in their order. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
}

const NEWLINE = 0x0a;

/** Bytes in, commands out. After a fault (`isBroken`) it stays silent: the connection is to be closed. */
export class CommandReader {
  #held: Buffer = Buffer.alloc(0);
  /** How far the empty line was looked for. */
  #searched = 0;
  #isBroken = false;

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The commands that are whole now; those before a fault are among them. */
  push(chunk: Uint8Array): EventSocketCommand[] {
    if (this.#isBroken) return [];
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    const commands: EventSocketCommand[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next === 'fault') {
        this.#fail();
        break;
      }
      commands.push(next);
    }
    if (this.#held.length > MAX_COMMAND_BYTES) this.#fail();
    return commands;
  }

  #fail(): void {
    this.#isBroken = true;
    this.#held = Buffer.alloc(0);
  }

  #next(): EventSocketCommand | 'fault' | undefined {
    this.#skipEmptyLines();
    const end = this.#findHeadEnd();
    if (end === undefined) return undefined;
    const head = parseHead(this.#held.toString('utf8', 0, end.at));
    if (head === undefined) return 'fault';
    const length = bodyLength(head.headers.get('content-length'));
    if (length === undefined) return 'fault';
    if (this.#held.length < end.next + length) return undefined;
    const body = this.#held.toString('utf8', end.next, end.next + length);
    this.#held = this.#held.subarray(end.next + length);
    this.#searched = 0;
    return { ...head, body };
  }

  #skipEmptyLines(): void {
    let at = 0;
    while (this.#held[at] === NEWLINE || this.#held[at] === 0x0d) at++;
    if (at === 0) return;
    this.#held = this.#held.subarray(at);
    this.#searched = 0;
  }

  #findHeadEnd(): { at: number; next: number } | undefined {
    for (let at = this.#held.indexOf(NEWLINE, this.#searched); at >= 0; at = this.#held.indexOf(NEWLINE, at + 1)) {
      if (this.#held[at + 1] === NEWLINE) return { at, next: at + 2 };
      if (this.#held[at + 1] === 0x0d && this.#held[at + 2] === NEWLINE) return { at, next: at + 3 };
    }
    this.#searched = Math.max(0, this.#held.length - 2);
    return undefined;
  }
}

function parseHead(text: string): Omit<EventSocketCommand, 'body'> | undefined {
  const [first = '', ...lines] = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.length > MAX_HEADERS) return undefined;
  const [, name = '', args = ''] = /^\s*(\S+)\s*(.*)$/.exec(first) ?? [];
  const fields = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const] : [];
  });
  const headers = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]));
  return { name, args: args.trim(), endsInBlank: /\s$/.test(args), headers, fields };
}

/** What is no number is no body, as FreeSWITCH reads it. */
function bodyLength(text = ''): number | undefined {
  const length = Number(/^\d+/.exec(text)?.[0] ?? 0);
  return length <= MAX_COMMAND_BYTES ? length : undefined;
}
