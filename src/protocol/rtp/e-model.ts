// How a call sounds, as a number from 1 to 4.5: the E-model (ITU-T G.107) with its defaults, loss and delay measured.

export interface Impairments {
  /** Share of packets that were not heard, lost or late: 0 to 1. */
  readonly loss: number;
  /** Mouth to ear, in milliseconds. */
  readonly delayMs: number;
}

/** G.107 with every parameter at its default: R of a perfect G.711 call. */
const BEST = 93.2;
/** G.113 appendix I: G.711 with concealment. G.722 at 64 kbit/s is counted alike on this narrow-band scale. */
const LOSS_ROBUSTNESS = 25.1;
/** From here on delay hurts conversation itself (G.107 §7.4, as approximated by Cole and Rosenbluth). */
const TALK_OVER_MS = 177.3;

export function rating({ loss, delayMs }: Impairments): number {
  const percent = Math.max(0, Math.min(1, loss)) * 100;
  const lossImpairment = (95 * percent) / (percent + LOSS_ROBUSTNESS);
  const delayImpairment = 0.024 * delayMs + 0.11 * Math.max(0, delayMs - TALK_OVER_MS);
  return Math.max(0, Math.min(100, BEST - lossImpairment - delayImpairment));
}

/** G.107 annex B: the mean opinion score that a rating stands for. */
export function opinionScore(r: number): number {
  if (r <= 6.5) return 1;
  return Math.max(1, Math.min(4.5, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6));
}
