// RTCP (RFC 3550 §6): sender and receiver reports with a CNAME, written as compound packets and read without trust.

/** What a receiver says of one stream, RFC 3550 §6.4.1. */
export interface ReportBlock {
  readonly ssrc: number;
  /** Of 256, since the report before. */
  readonly fractionLost: number;
  readonly lost: number;
  readonly highestSequence: number;
  /** In ticks of the stream's clock. */
  readonly jitter: number;
  /** The middle 32 bits of the NTP time of the last sender report, 0 for none. */
  readonly lastReport: number;
  /** Since that report came, in 1/65536 s. */
  readonly delay: number;
}

export interface SenderInfo {
  /** NTP time in 1/65536 s: what `lastReport` repeats. */
  readonly compactTime: number;
  /** Whole seconds and their fraction, 32 bits each. */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly timestamp: number;
  readonly packets: number;
  readonly octets: number;
}

export interface Report {
  readonly ssrc: number;
  /** Absent in a receiver report. */
  readonly sender: SenderInfo | undefined;
  readonly blocks: readonly ReportBlock[];
  readonly isBye: boolean;
}

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const BLOCK_BYTES = 24;
const MAX_BLOCKS = 31;
/** Packets of one compound that are looked at. */
const MAX_PARTS = 16;
/** Seconds from 1900 to 1970. */
const NTP_EPOCH = 2_208_988_800;
/** The longest compound written here: sender report with one block, a CNAME and a goodbye. */
export const MAX_REPORT_BYTES = 128;

/** `utcMs` as NTP. */
export function ntpOf(utcMs: number): Pick<SenderInfo, 'compactTime' | 'ntpSeconds' | 'ntpFraction'> {
  const ntpSeconds = (Math.floor(utcMs / 1000) + NTP_EPOCH) >>> 0;
  const ntpFraction = Math.floor(((((utcMs % 1000) + 1000) % 1000) / 1000) * 2 ** 32);
  return { ntpSeconds, ntpFraction, compactTime: (((ntpSeconds & 0xffff) << 16) | (ntpFraction >>> 16)) >>> 0 };
}

/** Writes a compound packet (§6.1) into `into`; returns its length. The CNAME is at most 32 ASCII characters (RFC 7022). */
export function writeReport(into: Buffer, report: Report, cname: string): number {
  const { ssrc, sender, blocks } = report;
  let at = writeHead(into, 0, blocks.length, sender === undefined ? RECEIVER_REPORT : SENDER_REPORT, ssrc);
  if (sender !== undefined) {
    for (const word of [sender.ntpSeconds, sender.ntpFraction, sender.timestamp, sender.packets, sender.octets]) {
      at = into.writeUInt32BE(word >>> 0, at);
    }
  }
  for (const block of blocks) at = writeBlock(into, at, block);
  setLength(into, 0, at);
  at = writeCname(into, at, ssrc, cname);
  return report.isBye ? writeHead(into, at, 1, GOODBYE, ssrc, 1) : at;
}

function writeHead(into: Buffer, at: number, count: number, type: number, ssrc: number, words = 0): number {
  into[at] = 0x80 | count;
  into[at + 1] = type;
  into.writeUInt16BE(words, at + 2);
  return into.writeUInt32BE(ssrc, at + 4);
}

function setLength(into: Buffer, start: number, end: number): void {
  into.writeUInt16BE((end - start) / 4 - 1, start + 2);
}

function writeBlock(into: Buffer, start: number, block: ReportBlock): number {
  let at = into.writeUInt32BE(block.ssrc, start);
  at = into.writeUInt8(block.fractionLost & 0xff, at);
  at = into.writeIntBE(Math.max(-0x800000, Math.min(0x7fffff, block.lost)), at, 3);
  at = into.writeUInt32BE(block.highestSequence >>> 0, at);
  at = into.writeUInt32BE(Math.round(block.jitter) >>> 0, at);
  at = into.writeUInt32BE(block.lastReport >>> 0, at);
  return into.writeUInt32BE(block.delay >>> 0, at);
}

/** RFC 3550 §6.5: one chunk, ended and padded by zeros to a word. */
function writeCname(into: Buffer, start: number, ssrc: number, cname: string): number {
  let at = writeHead(into, start, 1, SOURCE_DESCRIPTION, ssrc);
  into[at] = 1;
  into[at + 1] = cname.length;
  at += 2 + into.write(cname, at + 2, 'latin1');
  const end = start + Math.ceil((at + 1 - start) / 4) * 4;
  into.fill(0, at, end);
  setLength(into, start, end);
  return end;
}

/** The first report in `packet[0..length)`, and whether a goodbye is with it. Undefined when that is no RTCP. Never throws. */
export function parseReport(packet: Uint8Array, length: number): Report | undefined {
  const view = Buffer.from(packet.buffer, packet.byteOffset, Math.min(length, packet.length));
  let report: Report | undefined;
  let isBye = false;
  let at = 0;
  for (let part = 0; part < MAX_PARTS && at + 8 <= view.length; part++) {
    const first = view.readUInt8(at);
    const end = at + (view.readUInt16BE(at + 2) + 1) * 4;
    if (first >> 6 !== 2 || end > view.length) return undefined;
    const type = view.readUInt8(at + 1);
    if (type === GOODBYE) isBye = true;
    if (type === SENDER_REPORT || type === RECEIVER_REPORT) {
      report ??= readReport(view.subarray(at, end), first & 0x1f, type === SENDER_REPORT);
    }
    at = end;
  }
  if (report !== undefined) return { ...report, isBye };
  return isBye ? { ssrc: view.readUInt32BE(4), sender: undefined, blocks: [], isBye } : undefined;
}

function readReport(part: Buffer, count: number, isSender: boolean): Report | undefined {
  let at = isSender ? 28 : 8;
  if (at + count * BLOCK_BYTES > part.length || count > MAX_BLOCKS) return undefined;
  const blocks: ReportBlock[] = [];
  for (let i = 0; i < count; i++, at += BLOCK_BYTES) blocks.push(readBlock(part, at));
  return { ssrc: part.readUInt32BE(4), sender: isSender ? readSender(part) : undefined, blocks, isBye: false };
}

function readSender(part: Buffer): SenderInfo {
  const [ntpSeconds, ntpFraction] = [part.readUInt32BE(8), part.readUInt32BE(12)];
  return {
    ntpSeconds,
    ntpFraction,
    compactTime: part.readUInt32BE(10),
    timestamp: part.readUInt32BE(16),
    packets: part.readUInt32BE(20),
    octets: part.readUInt32BE(24),
  };
}

function readBlock(part: Buffer, at: number): ReportBlock {
  return {
    ssrc: part.readUInt32BE(at),
    fractionLost: part.readUInt8(at + 4),
    lost: part.readIntBE(at + 5, 3),
    highestSequence: part.readUInt32BE(at + 8),
    jitter: part.readUInt32BE(at + 12),
    lastReport: part.readUInt32BE(at + 16),
    delay: part.readUInt32BE(at + 20),
  };
}
