// Debian's baresip as a desk phone: registers, calls and answers, plays a tone of its own and writes down what it hears.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeWave } from '../../src/ops/wave.ts';
import { resample } from '../../src/protocol/rtp/resample.ts';
import { clientFolder, Program } from './clients.ts';
import { PATIENCE_MS } from './patience.ts';
import { wav } from './wav.ts';

export interface BaresipOptions extends BaresipAccount, BaresipTone {}

export interface BaresipTone {
  /** What it says during a call, as a tone of 60 s at -12 dBFS. */
  readonly hz: number;
}

export interface BaresipAccount {
  readonly username: string;
  readonly password: string;
  readonly port: number;
  readonly transport?: 'tls' | 'udp' | 'tcp';
  /** `srtp-mand` unless told otherwise; `none` is a phone that speaks plain RTP. */
  readonly encryption?: 'srtp-mand' | 'none';
  /** The only codec that it speaks; G.711 µ-law unless told otherwise. */
  readonly codec?: 'pcmu' | 'g722' | 'opus';
}

const MODULES = ['stdio', 'g711', 'g722', 'opus', 'aufile', 'sndfile', 'srtp'];
const APPLICATIONS = ['account', 'menu', 'mwi'];
const TONE_MS = 60_000;
/** It leaves by itself after this, should nobody be left to end it. */
const LIFE_SECONDS = 120;

export class Baresip implements AsyncDisposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Starts it; it registers at once and answers every call by itself. */
  static start(options: BaresipOptions): Baresip {
    return Baresip.startWith(accountOf(options), options);
  }

  /** The same, with an account line as it stands in `~/.baresip/accounts`. */
  static startWith(account: string, { hz }: BaresipTone): Baresip {
    const folder = clientFolder('baresip');
    writeFileSync(join(folder, 'tone.wav'), wav(8000, hz, TONE_MS));
    writeFileSync(join(folder, 'config'), configOf(folder));
    writeFileSync(join(folder, 'accounts'), `${account};answermode=auto\n`);
    writeFileSync(join(folder, 'contacts'), '');
    return new Baresip(new Program('baresip', ['-f', folder, '-t', String(LIFE_SECONDS)], folder));
  }

  get output(): string {
    return this.#program.output;
  }

  /** Types a command, such as `/dial 1002`. */
  type(command: string): void {
    this.#program.say(command);
  }

  prints(pattern: RegExp, deadlineMs = PATIENCE_MS): Promise<boolean> {
    return this.#program.prints(pattern, deadlineMs);
  }

  /** Whether it said within the deadline that its registration was taken. */
  registers(): Promise<boolean> {
    return this.prints(/\b200 OK.*\[1 binding/);
  }

  /** Leaves, so that its files are complete. */
  async quit(): Promise<void> {
    this.type('/quit');
    await this.#program.ends(PATIENCE_MS);
  }

  /** What it heard in its call, at 8 kHz; undefined when there was no call with audio. Read after `quit`. */
  heard(): Int16Array | undefined {
    const { folder } = this.#program;
    const file = readdirSync(folder).find((name) => /^dump-.*-dec\.wav$/.test(name));
    if (file === undefined) return undefined;
    const sound = decodeWave(readFileSync(join(folder, file)));
    return (
      sound &&
      resample(
        Int16Array.from(sound.samples, (sample) => Math.round(sample * 32_767)),
        sound.rate,
        8000,
      )
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

function configOf(folder: string): string {
  return [
    'sip_listen 127.0.0.1:0',
    'net_interface 127.0.0.1',
    'module_path /usr/lib/baresip/modules',
    ...MODULES.map((name) => `module ${name}.so`),
    ...APPLICATIONS.map((name) => `module_app ${name}.so`),
    `audio_source aufile,${join(folder, 'tone.wav')}`,
    `audio_player aufile,${join(folder, 'player.wav')}`,
    `audio_alert aufile,${join(folder, 'alert.wav')}`,
    'ausrc_srate 8000',
    'auplay_srate 8000',
    'opus_stereo no',
    'opus_sprop_stereo no',
    'opus_inbandfec yes',
    `snd_path ${folder}`,
    '',
  ].join('\n');
}

/** Without `outbound` it would send its SUBSCRIBE over UDP, whatever the account's transport is. */
function accountOf(account: BaresipAccount): string {
  const { username, password, port, transport = 'tls', encryption = 'srtp-mand', codec = 'pcmu' } = account;
  const server = `127.0.0.1:${port};transport=${transport}`;
  return [
    `<sip:${username}@${server}>`,
    `outbound="sip:${server}"`,
    `auth_user=${username}`,
    `auth_pass=${password}`,
    ...(encryption === 'none' ? [] : [`mediaenc=${encryption}`]),
    `audio_codecs=${codec}`,
  ].join(';');
}
