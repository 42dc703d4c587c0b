// What drachtio-server v0.9.10 does otherwise, by name: a test that also runs against it says with `edge.has(name)` what it expects there.

export const FAULTS = {
  'inside-unseen':
    'no fault: its counters and dialogs are not to be seen, and tests neither restart it nor let it drain',
  'ack-without-credentials': 'the ACK to a 2xx does not repeat the credentials of its INVITE (RFC 3261 §13.2.2.4)',
  'second-answer-lives': 'a second phone that answers gets the ACK of the first, and no BYE (RFC 3261 §13.2.2.4)',
  'provisional-ends-transaction':
    'a 1xx to a re-INVITE or to a request that is no INVITE is its end: 500 follows, and the final answer is lost',
  'last-notify-500': 'the NOTIFY that ends a subscription is answered 500 by the server itself',
  'foreign-headers-pass': 'headers X-Wardline-… from outside are as any other',
  'relays-503': 'a 503 of every target goes back as it is (RFC 3261 §16.7 step 6 asks for 500)',
  'challenge-not-pinned':
    'a request that comes again with credentials goes on to the other targets when the challenger refuses it',
  'proxy-483-untold': 'an application whose proxied request has no hops left hears nothing',
  'relays-for-strangers': 'whoever names it in a Route has his request passed on, though it is in no call',
  'silent-unknown-method':
    'REFER and PRACK outside a dialog and methods that it does not know get no answer, also when an application routes them',
  'delivers-with-foreign-tag': 'INFO and SUBSCRIBE with a To tag of no dialog are handed to an application',
  'merged-delivered': 'the same INVITE by two ways is handed over twice (RFC 3261 §8.2.2.2)',
  'glare-delivered': 'a re-INVITE while ours is pending, or while theirs is, is handed over (RFC 3261 §14.2)',
  'bye-while-ringing-481': 'a BYE for a call that rings is refused, and the INVITE too',
  'dies-of-broken-frames': 'a mutated frame of an application can end the whole server',
  'routes-before-authenticate': 'anybody may route, and send, before authenticating',
  'removes-all-routes': '`remove_route` removes every verb of the connection',
  'leaves-calls-of-a-dead-application':
    'callers of an application that went wait; requests in its calls get 481; its ringing calls ring on',
  'frames-below-12k': 'a frame above 12,228 bytes wedges the connection',
  'bar-in-id-passes': 'a Call-ID with `|` in it moves the fields of the frame that follow',
} as const;

export type Fault = keyof typeof FAULTS;
