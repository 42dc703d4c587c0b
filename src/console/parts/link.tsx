// A link to another page of the console: an address for the browser's menus, no load of a page for a plain click.
import type { ComponentChildren } from 'preact';
import { go } from '../store.ts';

interface LinkProps {
  readonly to: string;
  readonly class?: string;
  readonly label?: string;
  readonly isCurrent?: boolean;
  readonly children: ComponentChildren;
}

export function Link({ to, class: className, label, isCurrent, children }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} class={className} onClick={follow} aria-label={label} aria-current={isCurrent ? 'page' : undefined}>
      {children}
    </a>
  );
}
