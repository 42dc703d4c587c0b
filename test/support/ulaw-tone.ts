// A tone as G.711 µ-law (ITU-T G.711), for tests that need audio which can be told from any other.

/** `seconds` of a sine of `hertz` at 8 kHz. */
export function ulawTone(hertz: number, seconds: number, amplitude = 8_000): Uint8Array {
  return Uint8Array.from({ length: Math.round(seconds * 8_000) }, (_, n) =>
    toUlaw(Math.round(amplitude * Math.sin((2 * Math.PI * hertz * n) / 8_000))),
  );
}

function toUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(32_635, Math.abs(sample)) + 0x84;
  const exponent = Math.floor(Math.log2(magnitude)) - 7;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}
