// When the page warns that the session ends, and when a person's activity is told to the appliance; time is passed in.

/** The notice comes this long before the end. */
export const NOTICE_MS = 60_000;
/** An active person renews the session at most this often. */
export const RENEW_MS = 120_000;
export type IdleState = 'active' | 'ending' | 'ended';

export class IdleWatch {
  #endsAt = Number.POSITIVE_INFINITY;
  #renewedAt = 0;

  /** The appliance said that the session ends in `ms`. */
  endsIn(ms: number, now: number): void {
    const endsAt = now + ms;
    // A background answer repeats the old end; only a later one is a renewal.
    if (endsAt > this.#endsAt + 1_000 || this.#endsAt === Number.POSITIVE_INFINITY) this.#renewedAt = now;
    this.#endsAt = endsAt;
  }

  /** The person did something; true when that should be told to the appliance. */
  activity(now: number): boolean {
    // Behind the notice only its own button renews: a brush of the mouse is not a decision.
    if (this.state(now) !== 'active' || now - this.#renewedAt < RENEW_MS) return false;
    this.#renewedAt = now;
    return true;
  }

  state(now: number): IdleState {
    if (now >= this.#endsAt) return 'ended';
    return now >= this.#endsAt - NOTICE_MS ? 'ending' : 'active';
  }

  secondsLeft(now: number): number {
    return Math.max(0, Math.ceil((this.#endsAt - now) / 1000));
  }
}
