// A titled part of a page, facts by name, and texts with a search's words marked.
import type { ComponentChildren } from 'preact';
import type { TextPart } from '../describe.ts';

interface PanelProps {
  readonly title: string;
  /** Beside the title. */
  readonly action?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Panel({ title, action, children }: PanelProps) {
  return (
    <section class="panel" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {action}
      </div>
      {children}
    </section>
  );
}

/** Names and values; what is undefined is left out. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Marked({ parts }: { parts: readonly TextPart[] }) {
  return (
    <>
      {parts.map(({ text, isHit }, index) =>
        isHit ? <mark key={`${index}${text}`}>{text}</mark> : <span key={`${index}${text}`}>{text}</span>,
      )}
    </>
  );
}
