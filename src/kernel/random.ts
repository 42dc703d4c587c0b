// Random bytes for what is made often: ids, tags and branches, taken from the system's generator a page at a time.
import { randomFillSync } from 'node:crypto';

const PAGE_BYTES = 4_096;

/** `count` bytes that nobody else gets; a page is filled by one call to the system, since each costs more than its bytes. */
export function pooledRandom(): (count: number) => Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  let used = PAGE_BYTES;
  return (count) => {
    if (count > PAGE_BYTES) return randomFillSync(new Uint8Array(count));
    if (used + count > PAGE_BYTES) {
      randomFillSync(page);
      used = 0;
    }
    used += count;
    return page.slice(used - count, used);
  };
}
