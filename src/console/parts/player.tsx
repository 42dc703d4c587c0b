// Plays one message or recording: play and pause, a seekable line with its marks, speed, one party alone. The sound is fetched in ranges, only once somebody presses play.
import { useEffect, useRef, useState } from 'preact/hooks';
import { audioUrl } from '../api.ts';
import type { Span } from '../describe.ts';
import { clockLength, spokenLength } from '../format.ts';
import { noteActivity } from '../store.ts';
import { Channels } from './channels.tsx';
import { Icon } from './icon.tsx';
import { MarkStrip } from './mark-strip.tsx';

interface PlayerProps {
  readonly id: string;
  readonly durationMs: number;
  readonly label: string;
  /** Begins to play as soon as it is shown. */
  readonly autoPlay?: boolean;
  readonly onHeard: () => void;
  /** What happened in it. */
  readonly spans?: readonly Span[];
  /** Two of them: the caller's and the other party's. */
  readonly channels?: 1 | 2;
}

const SPEEDS = [1, 1.25, 1.5, 2];

export function Player({ id, durationMs, label, autoPlay, onHeard, spans = [], channels = 1 }: PlayerProps) {
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [atMs, setAtMs] = useState(0);
  const [speed, setSpeed] = useState(1);
  const [error, setError] = useState('');

  const toggle = () => {
    const element = audio.current;
    if (!element) return;
    setError('');
    if (!element.paused) element.pause();
    else element.play().catch((thrown) => setError(sentenceFor(thrown)));
  };
  useEffect(() => {
    if (autoPlay) toggle();
  }, []);
  const seek = (ms: number) => {
    setAtMs(ms);
    if (audio.current) audio.current.currentTime = ms / 1000;
  };
  const nextSpeed = () => {
    const faster = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length] ?? 1;
    setSpeed(faster);
    if (audio.current) audio.current.playbackRate = faster;
  };

  return (
    <div class="player">
      {/* biome-ignore lint/a11y/useMediaCaption: a caller's message has no captions */}
      <audio
        ref={audio}
        src={audioUrl(id)}
        preload="none"
        onPlay={() => {
          setPlaying(true);
          onHeard();
        }}
        onPause={() => setPlaying(false)}
        onEnded={() => setPlaying(false)}
        onError={() => setError('This message could not be played. Close it and try again.')}
        onTimeUpdate={(event) => {
          setAtMs(event.currentTarget.currentTime * 1000);
          noteActivity();
        }}
      />
      <button type="button" class="play" onClick={toggle} aria-label={isPlaying ? `Pause ${label}` : `Play ${label}`}>
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <input
        type="range"
        class="seek"
        min={0}
        max={Math.max(1, Math.round(durationMs))}
        step={100}
        value={Math.min(atMs, durationMs)}
        onInput={(event) => seek(Number(event.currentTarget.value))}
        aria-label="Position in the message"
        aria-valuetext={`${spokenLength(atMs)} of ${spokenLength(durationMs)}`}
      />
      <span class="clock">
        {clockLength(atMs)} / {clockLength(durationMs)}
      </span>
      <button type="button" class="quiet speed" onClick={nextSpeed} aria-label={`Speed ${speed} times`}>
        {speed}×
      </button>
      <MarkStrip spans={spans} durationMs={durationMs} atMs={atMs} seek={seek} />
      {channels === 2 && <Channels audio={audio} />}
      {error !== '' && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

function sentenceFor(thrown: unknown): string {
  const isBlocked = thrown instanceof DOMException && thrown.name === 'NotAllowedError';
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return '';
  return isBlocked ? 'Press play to listen.' : 'This message could not be played. Close it and try again.';
}
