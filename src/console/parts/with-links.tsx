// A sentence of the vault's in which recordings are named: each name leads to it.
import { Link } from './link.tsx';

/** A recording whose name stands in a sentence can be looked at. */
export function WithLinks({ text }: { text: string }) {
  const parts = text.split(/\b([a-z2-7]{26})\b/);
  const isAudio = text.includes('audio');
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 1 && isAudio ? (
          <Link key={part} to={`/recordings/${part}`}>
            {part}
          </Link>
        ) : (
          part
        ),
      )}
    </>
  );
}
