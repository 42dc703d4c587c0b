// A recording's length as a strip with what happened in it, and the same as a list; a click goes to that moment.
import type { Span } from '../describe.ts';
import { spanTimes } from '../describe.ts';

interface StripProps {
  readonly spans: readonly Span[];
  readonly durationMs: number;
  readonly atMs: number;
  readonly seek: (ms: number) => void;
}

/** Thousandths of the strip; what took no time is still seen. */
const WIDTH = 1_000;
const LEAST = 4;

export function MarkStrip({ spans, durationMs, atMs, seek }: StripProps) {
  if (spans.length === 0) return null;
  const at = (ms: number) => Math.min(WIDTH, Math.max(0, (ms / Math.max(1, durationMs)) * WIDTH));
  return (
    <div class="marks">
      <svg class="strip" viewBox={`0 0 ${WIDTH} 20`} preserveAspectRatio="none" aria-hidden="true">
        <rect class="strip-all" width={WIDTH} height="20" />
        {spans.map((span, index) => {
          const x = Math.min(at(span.fromMs), WIDTH - LEAST);
          const width = Math.max(LEAST, at(span.toMs) - x);
          return <rect key={`${index}${span.kind}`} class={`strip-${span.kind}`} x={x} width={width} height="20" />;
        })}
        <rect class="strip-now" x={Math.min(at(atMs), WIDTH - 2)} width="2" height="20" />
      </svg>
      <ul class="mark-list" aria-label="What happened in it">
        {spans.map((span, index) => (
          <li key={`${index}${span.kind}`}>
            <button type="button" class="quiet" onClick={() => seek(span.fromMs)}>
              <span class={`swatch strip-${span.kind}`} />
              {span.label}, {spanTimes(span)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
