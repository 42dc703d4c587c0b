// A set of IP addresses and networks (`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`), asked by address.
import { BlockList, isIP } from 'node:net';
import { plainAddress } from './addresses.ts';

/** Entries of one list. */
const MAX_ENTRIES = 1_024;

export class AddressList {
  readonly #list = new BlockList();
  #size = 0;

  /** False for a text that is neither, which is left out. */
  add(text: string): boolean {
    const match = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text.trim());
    const address = plainAddress(match?.[1]);
    const family = isIP(address);
    const bits = match?.[2] === undefined ? undefined : Number(match[2]);
    if (family === 0 || this.#size >= MAX_ENTRIES || (bits ?? 0) > (family === 4 ? 32 : 128)) return false;
    const type = family === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) this.#list.addAddress(address, type);
    else this.#list.addSubnet(address, bits, type);
    this.#size += 1;
    return true;
  }

  has(address: string): boolean {
    const family = isIP(address);
    return this.#size > 0 && family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}
