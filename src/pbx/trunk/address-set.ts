// Which source addresses are a carrier's: IP addresses and CIDR blocks, IPv4 and IPv6 (RFC 4632, RFC 4291 §2.2).

/** True when `address` is in one of `blocks` (`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`). A block that cannot be read matches nothing. */
export function isInBlocks(address: string, blocks: readonly string[]): boolean {
  const bits = addressBits(unmap(address));
  return bits !== undefined && blocks.some((block) => isInBlock(bits, block));
}

function isInBlock(address: string, block: string): boolean {
  const [text = '', length] = block.trim().split('/');
  const bits = addressBits(text);
  if (bits === undefined || bits.length !== address.length) return false;
  if (length === undefined) return bits === address;
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return prefix <= bits.length && bits.slice(0, prefix) === address.slice(0, prefix);
}

/** An IPv4 address as an IPv6 socket reports it. */
function unmap(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** 32 or 128 characters of 0 and 1. */
function addressBits(text: string): string | undefined {
  return text.includes(':') ? ipv6Bits(text) : ipv4Bits(text);
}

function ipv4Bits(text: string): string | undefined {
  const bytes = text.split('.');
  if (bytes.length !== 4 || bytes.some((byte) => !/^\d{1,3}$/.test(byte) || Number(byte) > 255)) return undefined;
  return bytes.map((byte) => Number(byte).toString(2).padStart(8, '0')).join('');
}

function ipv6Bits(text: string): string | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}
