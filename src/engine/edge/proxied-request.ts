// One request that an application has proxied (RFC 3261 §16): its targets in turn or at once, and the answer that goes back.
import type { AppHeader, ProxyOptions } from '../../protocol/drachtio-wire/app-message.ts';
import { okLeader, proxyProgress } from '../../protocol/drachtio-wire/leader.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import { parseNameAddrList } from '../../protocol/sip/uri.ts';
import type { Arrival, ClientTransaction, ServerTransaction } from '../runtime/sip-stack.ts';
import type { AppConnection, AppProxyMessage } from './app-port.ts';
import { cdrStart, cdrStop } from './cdr.ts';
import { type EdgeContext, metaOfArrival } from './context.ts';
import { MAX_PROXY_TARGETS, PROXY_CANCEL_MS, TIMER_C_MS } from './limits.ts';
import { bestResponse, withoutTopVia } from './proxy-message.ts';

interface Branch {
  readonly target: string;
  client: ClientTransaction | undefined;
  state: 'trying' | 'proceeding' | 'done';
  timers: Disposable[];
  timerC: Disposable | undefined;
}

export interface ProxiedParts {
  readonly context: EdgeContext;
  readonly transaction: ServerTransaction;
  readonly request: SipRequest;
  /** Who asked for it, and hears of it when it wants to; absent when a request handler did. */
  readonly app: AppConnection | undefined;
  readonly message: AppProxyMessage;
  readonly targets: readonly string[];
  /** Forwards to one target; undefined when no listener leads there. */
  readonly send: (
    target: string,
    added: readonly AppHeader[],
    events: { onResponse(response: SipResponse, arrival: Arrival): void; onFailure(ending: string): void },
  ) => Promise<ClientTransaction | undefined>;
  readonly added: readonly AppHeader[];
  /** A 2xx has gone back: the call stands, with the tags of `response`. */
  readonly onAnswered: (response: SipResponse) => void;
  /** A challenge came from this target: the request with credentials goes there alone. */
  readonly onChallenged: (target: string) => void;
  readonly onOver: () => void;
}

export class ProxiedRequest {
  readonly #parts: ProxiedParts;
  readonly #options: ProxyOptions;
  readonly #waiting: string[];
  readonly #seen: Set<string>;
  readonly #branches: Branch[] = [];
  readonly #finals: SipResponse[] = [];
  #isCancelled = false;
  #isOver = false;
  #cancelTimer: Disposable | undefined;

  constructor(parts: ProxiedParts) {
    this.#parts = parts;
    this.#options = parts.message.options;
    this.#waiting = parts.targets.slice(0, MAX_PROXY_TARGETS);
    this.#seen = new Set(this.#waiting);
  }

  start(): void {
    const { app, message } = this.#parts;
    if (!this.#options.wantsResponses) app?.send((id) => okLeader(id, message.id, 'done'));
    this.#goOn();
  }

  /** The caller gave up: what rings is told, and its 487 goes back, or ours when none comes. */
  cancel(): void {
    this.#isCancelled = true;
    this.#waiting.length = 0;
    this.#cancelBranches();
    if (this.#isOver) return;
    const invite = this.#parts.transaction.request;
    cdrStop(this.#parts.context, 'network', 'call-canceled', invite);
    this.#cancelTimer ??= this.#parts.context.clock.after(PROXY_CANCEL_MS, () => this.#decide());
    this.#goOn();
  }

  /** Stops every timer. */
  close(): void {
    this.#isOver = true;
    this.#cancelTimer?.[Symbol.dispose]();
    for (const branch of this.#branches) this.#finish(branch);
  }

  /** Sends to the next target, or decides when there is none and nothing is on its way. */
  #goOn(): void {
    if (this.#isOver) return;
    const isBusy = () => this.#branches.some(({ state }) => state !== 'done');
    while (this.#waiting.length > 0 && (this.#options.isSimultaneous || !isBusy())) {
      const target = this.#waiting.shift();
      if (target !== undefined) this.#launch(target);
    }
    if (!isBusy()) this.#decide();
  }

  #launch(target: string): void {
    const branch: Branch = { target, client: undefined, state: 'trying', timers: [], timerC: undefined };
    this.#branches.push(branch);
    const { provisionalMs, finalMs } = this.#options;
    const { clock, counters } = this.#parts.context;
    if (this.#parts.request.method === 'INVITE') this.#armTimerC(branch);
    if (provisionalMs !== undefined && !this.#options.isSimultaneous) {
      const isSilent = () => branch.state === 'trying';
      branch.timers.push(clock.after(provisionalMs, () => isSilent() && this.#giveUp(branch)));
    }
    if (finalMs !== undefined) branch.timers.push(clock.after(finalMs, () => this.#giveUp(branch)));
    const sending = this.#parts.send(target, this.#parts.added, {
      onResponse: (response, arrival) => this.#answered(branch, response, arrival),
      onFailure: (ending) => this.#failed(branch, ending === 'timeout' ? 408 : 503),
    });
    sending.then(
      (client) => {
        branch.client = client;
        if (client === undefined) this.#failed(branch, 503);
        else if (branch.state === 'done') client.cancel();
      },
      () => {
        counters.fault('request-failed');
        this.#failed(branch, 503);
      },
    );
  }

  #answered(branch: Branch, response: SipResponse, arrival: Arrival): void {
    const { status } = response;
    this.#parts.context.counters.add('messagesIn');
    if (status < 200) this.#progress(branch, response);
    else if (status < 300) this.#accepted(branch, response, arrival);
    else if (branch.state !== 'done') {
      this.#finish(branch);
      this.#finals.push(withoutTopVia(response));
      const isDecided = this.#steer(branch, response);
      const willDecide = this.#waiting.length === 0 && this.#branches.every(({ state }) => state === 'done');
      if (isDecided || willDecide) this.#reply();
      this.#report(response, arrival);
      this.#goOn();
    }
  }

  #progress(branch: Branch, response: SipResponse): void {
    if (branch.state === 'done') return;
    branch.state = 'proceeding';
    if (branch.timerC !== undefined) this.#armTimerC(branch);
    if (!this.#isOver) this.#parts.transaction.respond(withoutTopVia(response));
  }

  /** RFC 3261 §16.7 step 5: every 2xx goes back at once, whatever was given up before. */
  #accepted(branch: Branch, response: SipResponse, arrival: Arrival): void {
    this.#finish(branch);
    const shown = withoutTopVia(response);
    const { context, transaction, request, onAnswered } = this.#parts;
    if (transaction.respond(shown) === undefined) context.counters.fault('late-answer');
    context.guard.relayed(request, shown, transaction.arrival.flow);
    if (request.method === 'INVITE') {
      onAnswered(response);
      cdrStart(context, 'network', 'proxy-uac', response);
      cdrStart(context, 'application', 'proxy-uas', shown);
    }
    if (this.#isOver) return;
    this.#waiting.length = 0;
    this.#report(response, arrival);
    this.#end();
    this.#cancelBranches();
  }

  /** What a refusal does to the search; returns whether that is over. */
  #steer({ target }: Branch, response: SipResponse): boolean {
    const { status, headers } = response;
    if (status === 401 || status === 407) {
      this.#parts.onChallenged(target);
      this.#waiting.length = 0;
      this.#cancelBranches();
    } else if (status >= 600) {
      this.#waiting.length = 0;
      this.#cancelBranches();
    } else if (status < 400 && this.#options.followsRedirects && !this.#isCancelled) {
      const contacts = parseNameAddrList(headers.all('contact')).map(({ uriText }) => uriText);
      for (const contact of contacts) {
        if (this.#seen.has(contact) || this.#seen.size >= MAX_PROXY_TARGETS) continue;
        this.#seen.add(contact);
        this.#waiting.push(contact);
      }
      // RFC 3261 §16.7 step 4: a redirection that was followed is no answer.
      if (contacts.length > 0) this.#finals.pop();
    }
    return false;
  }

  #failed(branch: Branch, status: 408 | 503): void {
    if (branch.state === 'done') return;
    this.#finish(branch);
    const reason = status === 408 ? 'Request Timeout' : 'Service Unavailable';
    const { transaction } = this.#parts;
    this.#finals.push(buildResponse(transaction.request, status, reason, transaction.toTag));
    this.#goOn();
  }

  #giveUp(branch: Branch): void {
    if (branch.state === 'done') return;
    branch.client?.cancel();
    this.#failed(branch, 408);
  }

  /** Nothing more is waited for. */
  #decide(): void {
    if (this.#isOver) return;
    this.#reply();
    this.#end();
  }

  #reply(): void {
    const { transaction, context, request } = this.#parts;
    const { toTag } = transaction;
    const cancelled = this.#isCancelled
      ? (this.#finals.find(({ status }) => status === 487) ??
        buildResponse(transaction.request, 487, 'Request Terminated', toTag))
      : undefined;
    const best = cancelled ?? bestResponse(this.#finals);
    // RFC 3261 §16.7 step 6: that one target is out of service does not mean that we are.
    const isOutage = best === undefined || best.status === 503;
    const answer = isOutage ? buildResponse(transaction.request, 500, 'Server Internal Error', toTag) : best;
    if (transaction.respond(answer) === undefined) return;
    context.counters.add('messagesOut');
    context.guard.relayed(request, answer, transaction.arrival.flow);
    if (request.method === 'INVITE' && !this.#isCancelled) cdrStop(context, 'application', 'call-rejected', answer);
  }

  #end(): void {
    const { app, message, onOver } = this.#parts;
    this.#isOver = true;
    this.#cancelTimer?.[Symbol.dispose]();
    if (this.#options.wantsResponses && app?.isOpen) app.send((id) => okLeader(id, message.id, 'done'));
    onOver();
  }

  #report(response: SipResponse, arrival: Arrival): void {
    const { app, message, context } = this.#parts;
    if (!this.#options.wantsResponses || this.#isOver || !app?.isOpen) return;
    const meta = metaOfArrival(context, arrival);
    app.send((id) => proxyProgress(id, message.id, meta), serialise(response));
  }

  #cancelBranches(): void {
    for (const { client, state } of this.#branches) if (state !== 'done') client?.cancel();
  }

  #armTimerC(branch: Branch): void {
    branch.timerC?.[Symbol.dispose]();
    branch.timerC = this.#parts.context.clock.after(TIMER_C_MS, () => this.#giveUp(branch));
  }

  #finish(branch: Branch): void {
    branch.state = 'done';
    branch.timerC?.[Symbol.dispose]();
    for (const timer of branch.timers) timer[Symbol.dispose]();
  }
}
