// A destination and a prompt in the words of the YAML, for export and for showing what changed.
import type { Destination, Prompt } from './clinic.ts';

/** The compact spelling; undefined for the two that are written as maps. */
export function compactDestination(destination: Destination): string | undefined {
  switch (destination.to) {
    case 'extension':
    case 'mailbox':
      return `${destination.to} ${destination.number}`;
    case 'menu':
    case 'hunt-group':
      return `${destination.to} ${destination.id}`;
    case 'operator':
    case 'hang-up':
      return destination.to;
    default:
      return undefined;
  }
}

/** One line for a person: `menu main-menu when office is open, else mailbox 1001`. */
export function describeDestination(destination: Destination): string {
  if (destination.to === 'hours') {
    const [open, closed] = [describeDestination(destination.open), describeDestination(destination.closed)];
    return `${open} when ${destination.schedule} is open, else ${closed}`;
  }
  if (destination.to === 'prompt') {
    return `${describePrompt(destination.prompt)}, then ${describeDestination(destination.then)}`;
  }
  return compactDestination(destination) ?? '';
}

export function describePrompt(prompt: Prompt): string {
  return 'text' in prompt ? `"${prompt.text}"` : `prompt ${prompt.file}`;
}
