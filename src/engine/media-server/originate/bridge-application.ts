// The `bridge` application: calls whom its argument names, and connects the channel to who is heard first until one of them ends.
import type { StartApplication } from '../channel/application.ts';
import { Bridge } from '../channel/bridge.ts';
import type { Dialed, Dialing } from '../channel/dialing.ts';
import { isTrue, type Variables } from '../channel/variables.ts';

/** Variables of the channel that hold for who is called, too (switch_ivr_originate.c). */
const INHERITED = ['ignore_early_media', 'bridge_early_media', 'return_ring_ready'] as const;

export function bridgeApplication(dialer: Dialing): StartApplication {
  return ({ channel, argument, complete }) => {
    if (argument.trim() === '') return undefined;
    const { variables, host } = channel;
    const giveUp = new AbortController();
    let bridge: Bridge | undefined;
    let isOver = false;
    const failed = (cause: string) => {
      variables.setAll({ originate_disposition: cause, last_bridge_hangup_cause: cause });
      const goesOn = variables.get('continue_on_fail') ?? 'false';
      const mayGoOn = isTrue(goesOn) || goesOn.toUpperCase().split(',').includes(cause);
      if (mayGoOn) complete();
      else channel.hangup(cause);
    };
    const onDialed = (dialed: Dialed) => {
      if ('cause' in dialed) {
        if (!isOver) failed(dialed.cause);
      } else if (isOver) dialed.channel.hangup('ORIGINATOR_CANCEL');
      else {
        variables.set('originate_disposition', 'SUCCESS');
        bridge = Bridge.within(channel, dialed.channel, () => {
          variables.setAll({ last_bridge_hangup_cause: dialed.channel.facts().hangupCause });
          complete();
        });
      }
    };
    const seconds = Number(variables.get('call_timeout')) || undefined;
    const options = { signal: giveUp.signal, seconds, settings: inherited(variables) };
    host.supervise(dialer.dial(argument, options).then(onDialed));
    return {
      hearsBridge: true,
      onBreak() {
        if (bridge === undefined) giveUp.abort();
        else bridge.end(channel);
      },
      onHangup() {
        isOver = true;
        giveUp.abort();
        bridge?.end(channel);
      },
    };
  };
}

/** Those, and what `export` has named. */
function inherited(variables: Variables): Map<string, string> {
  const exported = (variables.get('export_vars') ?? '').split(',');
  return new Map(
    [...INHERITED, ...exported].flatMap((name) => {
      const value = variables.get(name);
      return value === undefined ? [] : [[name.replace(/^nolocal:/, ''), value] as const];
    }),
  );
}
