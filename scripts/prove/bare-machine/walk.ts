// Inside the bare machine: types the README's lines at a terminal, answers its one question, and then is the person who worked there before.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TOTP } from 'otpauth';
import { WAV_HEADER_BYTES } from '../../../src/api/audio/wav.ts';
import { Visitor } from '../../../test/support/visitor.ts';
import type { Before, Walked } from './machine.ts';

const URL_OF_CONSOLE = 'https://localhost:8443';
const PATIENCE_MS = 180_000;
/** What npm ends with when Ctrl-C ended what it ran. */
const INTERRUPTED = 130;

/** A person's terminal with one command in it. */
class Terminal {
  readonly #child: ChildProcess;
  readonly #command: string;
  #shown = '';

  constructor(command: string) {
    this.#command = command;
    this.#child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#shown += chunk.toString();
    });
  }

  async shows(pattern: RegExp): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!pattern.test(this.#shown)) {
      if (this.#child.exitCode !== null || performance.now() > end)
        throw new Error(`${this.#command} never showed ${pattern}; it showed:\n${this.#shown}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  async ends(status = 0): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    if (this.#child.exitCode !== status)
      throw new Error(`${this.#command} ended with ${this.#child.exitCode}:\n${this.#shown}`);
  }
}

const before = JSON.parse(await text(process.stdin)) as Before;
const walked: Walked[] = [];
let appliance: Terminal | undefined;
for (const line of before.lines) {
  const begun = performance.now();
  if (line === 'npm ci') continue; // done outside, where the registry can be reached
  const terminal = new Terminal(line);
  if (line.includes('wardline restore')) await restore(terminal);
  if (line === 'npm start') await start(terminal);
  else await terminal.ends();
  note(line, begun);
}
if (appliance === undefined) throw new Error('The README starts no appliance.');
await beThere();
appliance.type('\x03');
await appliance.shows(/Wardline has stopped/);
await appliance.ends(INTERRUPTED);
process.stdout.write(`${JSON.stringify(walked)}\n`);
process.exit(0);

async function restore(terminal: Terminal): Promise<void> {
  await terminal.shows(/Recovery code: /);
  terminal.type(`${before.recoveryCode}\r`);
  await terminal.shows(/\[y\/N\] /);
  terminal.type('y\r');
}

async function start(terminal: Terminal): Promise<void> {
  await terminal.shows(/Ctrl-C again/);
  appliance = terminal;
}

/** Logs in with the password and the second factor of before, hears the message of before, and has the trail checked. */
async function beThere(): Promise<void> {
  const begun = performance.now();
  const ca = wardline('vault', 'ca');
  await using person = new Visitor(URL_OF_CONSOLE, ca);
  const code = new TOTP({ secret: before.totpSecret }).generate();
  const { status } = await person.post('/api/login', { login: before.login, password: before.password, code });
  if (status !== 200) throw new Error(`The person of before is not let in: ${status}.`);
  const { rows } = (await person.get('/api/voicemails')).json as { rows: readonly { id: string }[] };
  if (!rows.some(({ id }) => id === before.artifactId)) throw new Error('The message of before is not in the list.');
  const heard = await person.get(`/api/artifacts/${before.artifactId}/audio`);
  if (!heard.bytes.subarray(WAV_HEADER_BYTES).equals(pcmOf(Buffer.from(before.audio, 'base64'))))
    throw new Error('The message of before sounds different.');
  const { ok } = JSON.parse(wardline('audit', 'verify', '--json')) as { ok: boolean };
  if (!ok) throw new Error('The trail does not verify.');
  note('(log in, hear the message of before, verify the trail)', begun);
}

/** µ-law expanded to 16 bits, by the formula of G.711. */
function pcmOf(ulaw: Uint8Array): Buffer {
  const pcm = Buffer.alloc(ulaw.length * 2);
  for (const [index, byte] of ulaw.entries()) {
    const bits = ~byte & 0xff;
    const size = ((((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
    pcm.writeInt16LE(bits & 0x80 ? -size : size, index * 2);
  }
  return pcm;
}

function wardline(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(join('scripts', 'wardline'), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`wardline ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function note(line: string, begun: number): void {
  walked.push({ line, seconds: (performance.now() - begun) / 1000 });
}
