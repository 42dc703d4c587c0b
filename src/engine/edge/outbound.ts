// How often a phone is to show that its flow lives, told when it registers (RFC 5626 §4.4.1, §5.4, §10): by `Flow-Timer`, on guarded listeners.
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { parseNameAddrList, splitList } from '../../protocol/sip/uri.ts';
import type { Flow } from '../runtime/sip-stack.ts';

/** NAT bindings for TCP live longer (RFC 5382 §5); this finds a dead flow before somebody calls it. */
const FLOW_TIMER_SECONDS = 120;
/** The phone pings within the time; a lost second is no lost phone. */
const SILENCE_MS = 2 * FLOW_TIMER_SECONDS * 1_000;

/** The answer to a REGISTER, with the timer for a phone that asked for outbound. What else it says is the application's. */
export function withFlowTimer(request: SipRequest, response: SipResponse, flow: Flow): SipResponse {
  const isGranted = request.method === 'REGISTER' && response.status >= 200 && response.status < 300;
  if (!isGranted || !flow.isReliable || response.headers.has('flow-timer') || !asksForOutbound(request))
    return response;
  flow.expectPings?.(SILENCE_MS);
  return { ...response, headers: response.headers.with('Flow-Timer', String(FLOW_TIMER_SECONDS)) };
}

function asksForOutbound({ headers }: SipRequest): boolean {
  const supported = headers.all('supported').flatMap(splitList);
  if (!supported.some((tag) => tag.trim().toLowerCase() === 'outbound')) return false;
  return parseNameAddrList(headers.all('contact')).some(({ params }) => params.has('reg-id'));
}
