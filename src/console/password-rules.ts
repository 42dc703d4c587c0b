// The password rules as the enrolment page shows them while one types; the vault has the last word: it knows the common ones.

export const MIN_LENGTH = 12;

export interface Rule {
  readonly text: string;
  readonly isMet: boolean;
}

export function passwordRules(password: string, person: { readonly login: string; readonly name: string }): Rule[] {
  const lower = password.toLowerCase();
  const words = [person.login, ...person.name.split(/\s+/)].map((word) => word.toLowerCase());
  const hasOwnName = words.some((word) => word.length >= 3 && lower.includes(word));
  return [
    { text: `At least ${MIN_LENGTH} characters`, isMet: [...password].length >= MIN_LENGTH },
    { text: 'Not your name or login', isMet: password !== '' && !hasOwnName },
  ];
}
