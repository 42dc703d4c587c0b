// The word that methods, header names and parameters are made of (RFC 3261 §25.1 `token`).

const TOKEN_CHARS: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9.!%*_+`'~-]/.test(String.fromCharCode(code)),
);

export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (TOKEN_CHARS[text.charCodeAt(at)] !== true) return false;
  return text.length > 0;
}
