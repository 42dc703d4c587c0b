// How far a long command is: one line on a terminal's standard error, redrawn; nothing when it goes elsewhere.

const WIDTH = 24;
const REDRAW_MS = 100;

/** What is counted: bytes, or things by their name. */
export type Unit = 'bytes' | 'entries' | 'slices';

export interface Progress extends Disposable {
  /** `all` is 0 when nobody knows how much there is. */
  show(phase: string, done: number, all: number, unit?: Unit): void;
}

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let drawnAt = 0;
  let isDrawn = false;
  return {
    show(phase, done, all, unit = 'bytes') {
      const now = performance.now();
      if (!stream.isTTY || (now - drawnAt < REDRAW_MS && done < all)) return;
      drawnAt = now;
      isDrawn = true;
      stream.write(`\r\x1b[2K${line(phase, done, all, unit)}`);
    },
    [Symbol.dispose]() {
      if (isDrawn) stream.write('\r\x1b[2K');
    },
  };
}

function line(phase: string, done: number, all: number, unit: Unit): string {
  const text = (count: number) => (unit === 'bytes' ? bytesText(count) : `${count} ${unit}`);
  if (all <= 0) return `${phase}: ${text(done)}`;
  const filled = Math.min(WIDTH, Math.round((done / all) * WIDTH));
  return `${phase} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${text(done)} of ${text(all)}`;
}

/** `12.3 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1_000)} kB`;
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}
