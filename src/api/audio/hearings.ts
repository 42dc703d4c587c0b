// One hearing is one entry in the audit trail: a browser fetches a message in many ranges, which all belong to one playback.
import type { Clock } from '../../kernel/clock.ts';
import type { ArtifactId } from '../../kernel/id.ts';
import type { ArtifactSummary } from '../../vault/shapes.ts';

/** A pause this much longer than the message itself ends a playback; going on after it is a new hearing. */
export const HEARING_PAUSE_MS = 60_000;
/** Playbacks remembered; the oldest is forgotten first and costs no more than one entry too many. */
export const MAX_HEARINGS = 4_096;

export interface Hearing {
  readonly artifact: ArtifactSummary;
  /** Whether the vault was already told of it. */
  isAudited: boolean;
  lastAt: number;
}

export class Hearings {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Hearing>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The playback that session `sessionToken` has going of `id`. */
  find(sessionToken: string, id: ArtifactId): Hearing | undefined {
    const key = `${sessionToken} ${id}`;
    const hearing = this.#byKey.get(key);
    if (hearing === undefined) return undefined;
    const now = this.#clock.monotonic();
    if (now - hearing.lastAt > hearing.artifact.durationMs + HEARING_PAUSE_MS) {
      this.#byKey.delete(key);
      return undefined;
    }
    hearing.lastAt = now;
    return hearing;
  }

  begin(sessionToken: string, id: ArtifactId, artifact: ArtifactSummary): Hearing {
    const oldest = this.#byKey.keys().next();
    if (this.#byKey.size >= MAX_HEARINGS && !oldest.done) this.#byKey.delete(oldest.value);
    const hearing = { artifact, isAudited: false, lastAt: this.#clock.monotonic() };
    this.#byKey.set(`${sessionToken} ${id}`, hearing);
    return hearing;
  }

  /** A disposed artifact is no longer anybody's to hear. */
  forget(id: ArtifactId): void {
    for (const key of this.#byKey.keys()) if (key.endsWith(` ${id}`)) this.#byKey.delete(key);
  }
}
