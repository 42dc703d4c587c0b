// One question over HTTP to a server that answers in JSON: bounded in time and in size, and never following a redirection.
import { WardlineError } from '../../kernel/errors.ts';

export interface HttpQuestion {
  readonly url: string;
  /** Sent by POST when given, else the question is a GET. */
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** The parsed answer. @throws whatever `fetch` throws, and WardlineError `bad-answer` for another status than 200 or a text too long */
export async function askHttp({ url, body, userAgent, timeoutMs, maxBytes }: HttpQuestion): Promise<unknown> {
  const headers = { 'user-agent': userAgent, accept: 'application/json' };
  const post = body && {
    method: 'POST',
    body: Buffer.from(body.bytes),
    headers: { ...headers, 'content-type': body.type },
  };
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { headers, ...post, signal, redirect: 'error' });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new WardlineError(
      'bad-answer',
      `The request handler answered ${response.status}; it is to answer 200 and JSON.`,
    );
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxBytes) throw new WardlineError('bad-answer', 'The request handler said too much.');
  }
  return JSON.parse(text);
}
