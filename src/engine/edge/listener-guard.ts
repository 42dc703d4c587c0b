// The guard, asked by listener: one that has a profile is guarded, any other lets everybody in.
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import type { Standing } from '../runtime/flow.ts';
import type { Flow } from '../runtime/sip-stack.ts';
import { Guard, type GuardOptions, type ListenerProfile } from './guard.ts';

export class ListenerGuard extends Guard {
  /** By the listener's name in the stack. */
  readonly #profiles: ReadonlyMap<string, ListenerProfile>;

  constructor(options: GuardOptions, profiles: ReadonlyMap<string, ListenerProfile>) {
    super(options);
    this.#profiles = profiles;
  }

  isGuarded({ listener }: Pick<Flow, 'listener'>): boolean {
    return this.#profiles.has(listener);
  }

  standingOf(address: string, { listener, isReliable }: Pick<Flow, 'listener' | 'isReliable'>): Standing {
    return this.#profiles.has(listener) ? this.standing(address, isReliable) : 'unknown';
  }

  lets(request: SipRequest, flow: Flow): boolean {
    const profile = this.#profiles.get(flow.listener);
    return profile === undefined || this.admits(request, flow, profile);
  }

  relayed(request: SipRequest, response: SipResponse, flow: Flow): void {
    if (response.status >= 200 && this.#profiles.has(flow.listener)) this.answered(request, response, flow);
  }
}
