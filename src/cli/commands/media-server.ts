// `wardline media-server`: the media server alone, in the place of FreeSWITCH, for applications on drachtio-fsmrf and their test suites.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createMediaServer, type MediaServer } from '../../engine/media-server/media-server.ts';
import { defaultWorkerCount, MAX_WORKERS, startLegWorkers } from '../../engine/media-server/workers/leg-workers.ts';
import { systemClock } from '../../kernel/clock.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { isIP } from '../../kernel/ip.ts';
import { createLogger } from '../../kernel/logger.ts';
import { speakFor } from '../../ops/speech.ts';
import type { AudioCodec } from '../../protocol/sdp/audio.ts';
import { ALL_CODECS } from '../../protocol/sdp/codecs.ts';
import { formatHostPort, parseHostPort } from '../host-port.ts';

interface Options {
  readonly eventSocket: HostPort;
  readonly secret: string;
  readonly sip: HostPort;
  readonly rtp: { readonly first: number; readonly last: number };
  readonly rtpAddress?: string;
  readonly sounds: string;
  readonly codecs: readonly AudioCodec[];
  readonly workers: number;
  readonly unicast: boolean;
  readonly log: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

/** The standard prompts: `say` has its words there. */
const PROMPTS = join(import.meta.dirname, '../../../config/prompts/en');

const HELP = `
Applications connect with \`mrf.connect({ address: '127.0.0.1', port: 8021, secret: 'S' })\`, as to FreeSWITCH;
the SIP profile that they find is drachtio_mrf. Only calls whose controller is on this machine are taken.
Recordings go to the file that the application names, as FreeSWITCH writes them.

Sounds: play('hello.wav') is <folder>/hello.wav, or <folder>/8000/hello.wav or 16000; WAV of any rate, mono or stereo, .ul, .al, .raw.
local_stream://moh is music on hold: the files in <folder>/music/moh, one after the other.
\`say\` takes FreeSWITCH's sound files (<folder>/digits/1.wav, time/…, ascii/…); words that are not there are Wardline's own, in English.
\`speak\` and tts:// run flite, festival or espeak-ng, where that is installed.

Phones on the network send their audio to --rtp-address: give this machine's address there when --sip is on loopback.

It says what it listens at, one line each, and runs until Ctrl-C or SIGTERM.`;

export function addMediaServerCommand(program: Command): void {
  program
    .command('media-server')
    .description(
      'Run the media server alone, in the place of FreeSWITCH: audio on one side, drachtio-fsmrf on the other.',
    )
    .addOption(
      new Option('--event-socket <address:port>', 'where applications connect')
        .argParser(parseHostPort)
        .default({ host: '127.0.0.1', port: 8021 }, '127.0.0.1:8021'),
    )
    .requiredOption('--secret <secret>', 'what applications authenticate with')
    .addOption(
      new Option('--sip <address:port>', 'where INVITEs are taken')
        .argParser(parseHostPort)
        .default({ host: '127.0.0.1', port: 5080 }, '127.0.0.1:5080'),
    )
    .addOption(
      new Option('--rtp <first-last>', 'ports for audio, two a call')
        .argParser(parseRange)
        .default({ first: 20_000, last: 21_000 }, '20000-21000'),
    )
    .option('--rtp-address <address>', 'where audio comes to, when that is not the address of SIP', parseAddress)
    .option('--sounds <folder>', 'where relative names of sound files begin', '.')
    .addOption(
      new Option('--codecs <list>', 'what is offered, and taken in this order')
        .argParser(parseCodecs)
        .default(['PCMU', 'PCMA', 'opus', 'G722'], 'PCMU,PCMA,opus,G722'),
    )
    .addOption(
      new Option('--workers <count>', 'threads that carry audio; 0 keeps it on the main one')
        .argParser(parseCount)
        .default(defaultWorkerCount(), 'one fewer than there are cores'),
    )
    .option('--no-unicast', "keep calls' audio from other programs of this machine (`sendmsg unicast`)")
    .addOption(
      new Option('--log <level>', 'what is logged to standard error')
        .choices(['silent', 'error', 'warn', 'info', 'debug'])
        .default('warn'),
    )
    .addHelpText('after', HELP)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { rtp: rtpPorts, workers: count } = options;
  const rtpHost = options.rtpAddress ?? options.sip.host;
  const soundsFolder = resolve(options.sounds);
  if (statSync(soundsFolder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new WardlineError('no-sounds-folder', `${soundsFolder} is no folder; name one with --sounds.`);
  }
  const parts = { clock: systemClock, logger: createLogger({ role: 'media', level: options.log }) };
  const server = await createMediaServer({
    eventSocket: options.eventSocket,
    secret: options.secret,
    sip: options.sip,
    rtpHost,
    rtpPorts,
    ...(count === 0 ? {} : { legs: await startLegWorkers({ count, rtpHost, rtpPorts, ...parts }) }),
    soundsFolder,
    wordsFolder: PROMPTS,
    speech: speakFor,
    codecs: options.codecs,
    allowsUnicast: options.unicast,
    random: randomBytes,
    ...parts,
  }).catch((error: unknown) => {
    throw explain(error, options);
  });
  tell(server);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await server.close();
  process.exit(0);
}

function tell({ sip, eventSocket }: MediaServer): void {
  process.stdout.write(
    `listens at udp/${formatHostPort(sip)}\napplications connect at ${formatHostPort(eventSocket)}\n`,
  );
}

function explain(cause: unknown, { eventSocket, sip, rtpAddress }: Options): unknown {
  if (codeOf(cause) === 'EADDRNOTAVAIL') {
    const address = rtpAddress ?? sip.host;
    return new WardlineError('no-such-address', `${address} is no address of this machine; name one that is.`, {
      cause,
    });
  }
  if (codeOf(cause) !== 'EADDRINUSE') return cause;
  const addresses = `${formatHostPort(eventSocket)} or ${formatHostPort(sip)}`;
  return new WardlineError('port-taken', `Something else listens at ${addresses}; stop it or choose other ports.`, {
    cause,
  });
}

function parseRange(text: string): Options['rtp'] {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  const isFree = range.first === 0 && range.last === 0;
  if (!isFree && !(range.first >= 1024 && range.last > range.first && range.last <= 65_535)) {
    throw new InvalidArgumentError('Write the first and the last port, as 20000-21000; 0-0 lets the system choose.');
  }
  return range;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,2}$/.test(text) || count > MAX_WORKERS) {
    throw new InvalidArgumentError(`Write a number from 0 to ${MAX_WORKERS}.`);
  }
  return count;
}

function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('Write an IP address of this machine.');
  return text;
}

function parseCodecs(text: string): AudioCodec[] {
  return text.split(',').map((name) => {
    const codec = ALL_CODECS.find((each) => each.toUpperCase() === name.trim().toUpperCase());
    if (codec === undefined) throw new InvalidArgumentError(`Choose among ${ALL_CODECS.join(', ')}.`);
    return codec;
  });
}
