// What a channel's variables say of sounds: where they are found, who speaks, and at which rate a recording is made.
import type { SoundsHost } from '../sources/open-source.ts';
import type { Channel } from './channel.ts';

/** Where relative names of sounds begin: `sound_prefix`, else the server's folder. */
export function soundsFolderOf({ variables, host }: Channel): string {
  return variables.get('sound_prefix') ?? host.soundsFolder;
}

/** What opening a sound for this party takes. */
export function soundsHostOf(channel: Channel): SoundsHost {
  const { variables, host } = channel;
  const { soundsFolder: streamsFolder, supervise, speech } = host;
  const speaker = { engine: variables.get('tts_engine'), voice: variables.get('tts_voice') };
  return { soundsFolder: soundsFolderOf(channel), streamsFolder, supervise, speech, speaker };
}

/** What a recording is made at where its format leaves a choice: `record_sample_rate`, else the codec's own. */
export function recordingRateOf({ variables, leg }: Channel): number {
  return Number(variables.get('record_sample_rate')) || leg.rate;
}
