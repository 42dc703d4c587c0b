// What we insist on in a session description before it reaches the media server or a party (RFC 4566, RFC 4568; FreeSWITCH contract §6.2, §6.5, §9.1).

export type SecureMedia = 'required' | 'forbidden' | 'optional';

const MAX_SDP_CHARS = 8_192;
const SAVP = /^(m=audio \d+ (?:UDP\/TLS\/)?RTP\/)SAVP(F?)/gm;
const HIDDEN_SAVP = /^(m=audio \d+ (?:UDP\/TLS\/)?RTP\/)xAVP(F?)/gm;

/** `sdp` with CRLF line ends and nothing that a URL decoder or FreeSWITCH would take for an escape; undefined when it is none. */
export function cleanSdp(sdp: string | undefined): string | undefined {
  if (sdp === undefined || sdp.length > MAX_SDP_CHARS || !sdp.startsWith('v=')) return undefined;
  const lines = sdp.split(/\r\n|\r|\n/).filter((line) => /^[a-z]=/.test(line));
  return `${lines.map((line) => line.replace(/[^\x20-\x7e]|[%`]|\$\{/g, '')).join('\r\n')}\r\n`;
}

/** With the profile token written so that drachtio-fsmrf's createEndpoint takes it (it asserts on SAVP). */
export function hideSavp(sdp: string): string {
  return sdp.replace(SAVP, '$1xAVP$2');
}

/** Undoes `hideSavp`. */
export function showSavp(sdp: string): string {
  return sdp.replace(HIDDEN_SAVP, '$1SAVP$2');
}

/** Why `sdp` cannot be played into, or undefined when its first live audio line is as the policy asks. */
export function audioFlaw(sdp: string | undefined, secure: SecureMedia): AudioFlaw | undefined {
  const audio = audioSections(sdp ?? '').find((section) => section.port !== 0);
  if (audio === undefined) return 'no-audio';
  if (secure === 'required' && !(audio.isSavp && audio.hasCrypto)) return 'not-encrypted';
  if (secure === 'forbidden' && audio.isSavp) return 'encrypted';
  return audio.isSavp && !audio.hasCrypto ? 'not-encrypted' : undefined;
}

export type AudioFlaw = 'no-audio' | 'not-encrypted' | 'encrypted';

/** The key of the first crypto line, to notice that it changed. */
export function firstCryptoKey(sdp: string): string | undefined {
  return /^a=crypto:\d+ \S+ inline:(\S+)/m.exec(sdp)?.[1];
}

interface AudioSection {
  readonly port: number;
  readonly isSavp: boolean;
  readonly hasCrypto: boolean;
}

function audioSections(sdp: string): AudioSection[] {
  return sdp.split(/^(?=m=)/m).flatMap((section) => {
    const line = /^m=audio (\d+)\S* (\S+)/.exec(section);
    if (line === null) return [];
    const hasKey = /^a=(?:crypto|fingerprint):/m.test(section) || /^a=fingerprint:/m.test(sdp);
    return [{ port: Number(line[1]), isSavp: /SAVPF?$/.test(line[2] ?? ''), hasCrypto: hasKey }];
  });
}
