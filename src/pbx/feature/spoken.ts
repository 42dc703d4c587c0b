// Numbers as prompts: digit by digit for extensions, as a quantity for counts.

/** `1001` → one, zero, zero, one. */
export function spelled(digits: string): string[] {
  return [...digits].filter((digit) => /\d/.test(digit)).map((digit) => `digits/${digit}.wav`);
}

/** `42` → forty, two; up to 999. */
export function counted(count: number): string[] {
  const whole = Math.min(999, Math.max(0, Math.floor(count)));
  const hundreds = Math.floor(whole / 100);
  const rest = whole % 100;
  const head = hundreds === 0 ? [] : [`digits/${hundreds}.wav`, 'digits/hundred.wav'];
  if (rest === 0 && hundreds > 0) return head;
  if (rest <= 20) return [...head, `digits/${rest}.wav`];
  const ones = rest % 10;
  return [...head, `digits/${rest - ones}.wav`, ...(ones === 0 ? [] : [`digits/${ones}.wav`])];
}
