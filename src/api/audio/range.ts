// The Range header of a request for audio (RFC 9110 §14.1.2): one range of bytes, or the whole.

/** Inclusive, as in `Content-Range`. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The range that `header` asks of `total` bytes. `whole` when there is none, or one that RFC 9110 lets a server ignore
 * (another unit, several ranges, bad syntax); `unsatisfiable` when it begins behind the end.
 */
export function parseRange(header: string | undefined, total: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return 'whole';
  const [, from = '', to = ''] = match;
  if (from === '') {
    const length = Math.min(Number(to), total);
    return length === 0 ? 'unsatisfiable' : { first: total - length, last: total - 1 };
  }
  const first = Number(from);
  const last = to === '' ? total - 1 : Math.min(Number(to), total - 1);
  if (to !== '' && Number(to) < first) return 'whole';
  return first >= total ? 'unsatisfiable' : { first, last };
}
