// What is known of an artifact: its row, whether its audio is whole, and where it stands. Writes nothing.
import { WardlineError } from '../../kernel/errors.ts';
import type { ArtifactState } from '../shapes.ts';
import { isGenuine } from '../store/genuine.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { type ArtifactRow, ArtifactRows, type Closing, closingHash } from './artifact-rows.ts';
import { tampered } from './audio-reader.ts';

const MAX_WHOLE = 10_000;

export class ArtifactReader {
  readonly rows: ArtifactRows;
  readonly #core: InnerCore;
  /** Audio that was found changed. */
  readonly tampered = new Set<string>();
  /** Audio that was compared with the trail since the start. */
  readonly #whole = new Set<string>();

  constructor(core: InnerCore) {
    this.#core = core;
    this.rows = new ArtifactRows(core);
  }

  /** @throws WardlineError `artifact-unknown` */
  get(artifactId: string): ArtifactRow {
    const row = this.rows.find(artifactId);
    if (row === undefined) throw artifactUnknown();
    return row;
  }

  /** Compares the stored audio, and what the closing says of it, with the trail. @throws WardlineError `artifact-tampered` */
  mustBeWhole({ row }: ArtifactRow): void {
    if (this.tampered.has(row)) throw tampered();
    if (this.#whole.has(row)) return;
    const closing = this.rows.closing(row);
    if (closing === undefined && this.rows.isOpen(row)) return; // still being written
    if (closing === undefined || !this.#isAsClosed(closing)) {
      this.tampered.add(row);
      throw tampered();
    }
    if (this.#whole.size >= MAX_WHOLE) this.#whole.clear();
    this.#whole.add(row);
  }

  stateOf(artifact: ArtifactRow): ArtifactState {
    const { row } = artifact;
    if (this.tampered.has(row)) return 'tampered';
    const closing = this.rows.closing(row);
    if (closing !== undefined) return this.#isWritten(closing) ? closing.state : 'tampered';
    return this.rows.isOpen(row) ? 'open' : 'tampered';
  }

  mailboxDigest(mailbox: string): Uint8Array {
    return this.#core.blindBytes('artifacts/mailbox', mailbox);
  }

  #isAsClosed(closing: Closing): boolean {
    return this.#isWritten(closing) && this.rows.holds(closing);
  }

  /** Whether the trail says so. */
  #isWritten(closing: Closing): boolean {
    return isGenuine(this.#core, 'closings', closing.artifact, closingHash(closing), closing.entry);
  }
}

export function artifactUnknown(): WardlineError {
  return new WardlineError('artifact-unknown', 'There is no such message or recording.');
}
