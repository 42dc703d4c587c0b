// Which party of a two-channel recording is heard: both, or one alone, on both ears.
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const CHOICES = { both: 'Both parties', caller: 'Caller alone', callee: 'Other party alone' } as const;
type Choice = keyof typeof CHOICES;

export function Channels({ audio }: { audio: RefObject<HTMLAudioElement | null> }) {
  const [choice, setChoice] = useState<Choice>('both');
  const mixer = useRef<ReturnType<typeof openMixer>>(undefined);
  useEffect(() => () => void mixer.current?.context.close(), []);
  const choose = (wanted: Choice) => {
    setChoice(wanted);
    // Made only once somebody asks: until then the browser plays both by itself.
    if (audio.current !== null) mixer.current ??= openMixer(audio.current);
    mixer.current?.hear(wanted);
  };
  return (
    <label class="choice channels">
      <span>Hear</span>
      <select value={choice} onChange={(event) => choose(event.currentTarget.value as Choice)}>
        {Object.entries(CHOICES).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Left is what the caller said, right what the caller heard. */
function openMixer(element: HTMLAudioElement) {
  const context = new AudioContext();
  const splitter = context.createChannelSplitter(2);
  const gains = [context.createGain(), context.createGain()] as const;
  context.createMediaElementSource(element).connect(splitter);
  for (const [index, gain] of gains.entries()) {
    splitter.connect(gain, index);
    gain.connect(context.destination);
  }
  return {
    context,
    hear(choice: Choice) {
      gains[0].gain.value = choice === 'callee' ? 0 : 1;
      gains[1].gain.value = choice === 'caller' ? 0 : 1;
    },
  };
}
