// Telephone numbers as people write them, made E.164 (ITU-T E.164) with the clinic's country code for those written nationally.
import { getCountries, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import type { E164 } from './clinic.ts';

const LONGEST = 40;

/** The E.164 number that `text` means; undefined when it is none that a carrier would take. */
export function parseE164(text: string, countryCode: string): E164 | undefined {
  if (text.length > LONGEST) return undefined;
  const number = parsePhoneNumberFromString(international(text.trim(), countryCode), {
    defaultCallingCode: countryCode,
    extract: false,
  });
  return number?.isValid() === true && number.ext === undefined ? (number.number as E164) : undefined;
}

/** Its digits without the country code when it is of the clinic's country, else with `+`. */
export function nationalDigits(number: E164, countryCode: string): string {
  return number.startsWith(`+${countryCode}`) ? number.slice(countryCode.length + 1) : number;
}

/** A country code that is in use: `1`, `44`. */
export function isCountryCode(text: string): boolean {
  return /^[1-9]\d{0,2}$/.test(text) && KNOWN_CODES.has(text);
}

/** North America dials 011 before a country code, nearly everybody else 00. */
function international(text: string, countryCode: string): string {
  const prefix = countryCode === '1' ? /^011(?=\d{7})/ : /^00(?=\d{7})/;
  return text.replace(prefix, '+');
}

const KNOWN_CODES: ReadonlySet<string> = new Set(
  getCountries().map((country) => String(getCountryCallingCode(country))),
);
