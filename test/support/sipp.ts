// Debian's sipp as a carrier: a scenario that calls, says what a PCAP file holds, and hangs up; or one that expects a refusal.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientFolder, Program, type Teller, without } from './clients.ts';
import { freePort } from './free-port.ts';

export interface CarrierCall {
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** What is called, and who calls. */
  readonly to: string;
  readonly from: string;
  /** Where sipp calls from; 127.0.0.1 when absent. */
  readonly source?: string;
  /** This final answer is expected in place of 200. */
  readonly refusedWith?: number;
  /** RTP to send once the call is answered, as a PCAP file's bytes. */
  readonly speech?: Uint8Array;
  readonly seconds: number;
  readonly calls?: number;
}

const RATE = 100;
const GRACE_SECONDS = 15;

/** Whether sipp may play a PCAP file here; otherwise the test skips and says why, or fails where CI=true. */
export function mayPlayPcap(t: Teller): boolean {
  return process.getuid?.() === 0 || without(t, 'sipp plays PCAP files through a raw socket, which needs root');
}

/** Starts the calls; sipp's exit code is 0 when every one of them went as the scenario says. */
export async function startSipp(call: CarrierCall): Promise<Program> {
  const { port, transport, to, from, source = '127.0.0.1', calls = 1, seconds } = call;
  const folder = clientFolder('sipp');
  writeFileSync(join(folder, 'scenario.xml'), scenarioOf(call));
  if (call.speech !== undefined) writeFileSync(join(folder, 'speech.pcap'), call.speech);
  const args = ['-sf', 'scenario.xml', `127.0.0.1:${port}`, '-i', source, '-t', transport === 'udp' ? 'u1' : 't1'];
  args.push('-s', to, '-key', 'caller', from, '-mp', String(await freePort('udp', source)), '-nostdin');
  args.push('-m', String(calls), '-l', String(calls), '-r', String(RATE), '-timeout', String(seconds + GRACE_SECONDS));
  args.push('-timeout_error', '-trace_err', '-error_file', '/dev/stderr');
  return new Program('sipp', args, folder);
}

function scenarioOf({ refusedWith, speech, seconds }: CarrierCall): string {
  const begin = `<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="carrier">\n${INVITE}<recv response="100" optional="true"/>\n`;
  if (refusedWith !== undefined) return `${begin}<recv response="${refusedWith}"/>\n${ACK_REFUSAL}</scenario>\n`;
  const play = speech === undefined ? '' : '<nop><action><exec play_pcap_audio="speech.pcap"/></action></nop>\n';
  return `${begin}<recv response="180" optional="true"/><recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
${ACK}${play}<pause milliseconds="${seconds * 1000}"/>
${BYE}<recv response="200"/>
</scenario>
`;
}

const SDP = `v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv`;

function message(first: string, cseq: string, to: string, rest: string): string {
  return `<send${cseq.endsWith('ACK') ? '' : ' retrans="500"'}><![CDATA[
${first} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[caller]@[local_ip]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>${to}
Call-ID: [call_id]
CSeq: ${cseq}
${rest}
]]></send>
`;
}

const URI = 'sip:[service]@[remote_ip]:[remote_port]';
const CONTACT = 'Contact: <sip:[caller]@[local_ip]:[local_port];transport=[transport]>';
const INVITE = message(
  `INVITE ${URI}`,
  '1 INVITE',
  '',
  `${CONTACT}\nContent-Type: application/sdp\nContent-Length: [len]\n\n${SDP}`,
);
const ACK = message('ACK [next_url]', '1 ACK', '[peer_tag_param]', '[routes]\nContent-Length: 0\n');
const ACK_REFUSAL = `<send><![CDATA[
ACK ${URI} SIP/2.0
[last_Via:]
Max-Forwards: 70
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
`;
const BYE = message('BYE [next_url]', '2 BYE', '[peer_tag_param]', '[routes]\nContent-Length: 0\n');
