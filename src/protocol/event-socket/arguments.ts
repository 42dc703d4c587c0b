// Arguments of dialplan applications and API commands: words, quoting, and `${name}` (FreeSWITCH's switch_separate_string).

/** Words by blanks; single quotes keep blanks together. At most `limit`, the last taking the rest as it stands. */
export function splitWords(text: string, limit = 64): string[] {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== '' && words.length < limit - 1) {
    const match = /^(?:'((?:[^'\\]|\\.)*)'|(\S+))(?:\s+|$)/.exec(rest);
    if (match === null) break;
    words.push(match[1] === undefined ? (match[2] ?? '') : match[1].replace(/\\(['\\])/g, '$1'));
    rest = rest.slice(match[0].length);
  }
  if (rest !== '') words.push(rest);
  return words;
}

/** `name=value` at its first `=`; a name alone has an empty value. */
export function splitAssignment(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  const name = (at < 0 ? text : text.slice(0, at)).trim();
  return { name, value: at < 0 ? '' : text.slice(at + 1).trim() };
}

/** The assignments of `multiset`: by blanks, or by the one character after `^^`. */
export function splitAssignments(text: string): { name: string; value: string }[] {
  const trimmed = text.trim();
  const parts = trimmed.startsWith('^^') ? trimmed.slice(3).split(trimmed.charAt(2)) : splitWords(trimmed, 256);
  return parts.filter((part) => part !== '').map(splitAssignment);
}

/** `{a=b,c=d}` before or after the other arguments of a command; the rest is what is left without it. */
export function takeBraces(text: string): { rest: string; variables: { name: string; value: string }[] } {
  const match = /\s*\{([^}]*)\}\s*/.exec(text);
  if (match === null) return { rest: text.trim(), variables: [] };
  const rest = `${text.slice(0, match.index)} ${text.slice(match.index + match[0].length)}`.trim();
  const inside = (match[1] ?? '').split(',').filter((part) => part !== '');
  return { rest, variables: inside.map(splitAssignment) };
}

/** Puts variables in place of `${name}`, and of `$${name}` as well. Function syntax (`${name(args)}`) is no variable and becomes empty. */
export function expand(text: string, find: (name: string) => string | undefined): string {
  return text.includes('${') ? text.replace(/\$?\$\{([^{}]*)\}/g, (_, name: string) => find(name) ?? '') : text;
}
