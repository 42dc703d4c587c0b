// A server that runs already and is driven by tests in the place of an embedded engine: VARIABLE=host:port:secret.

export interface NamedServer {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** `host:port:secret` of an environment variable; undefined when it is not set. */
export function namedServer(variable: string): NamedServer | undefined {
  const value = process.env[variable];
  if (value === undefined || value === '') return undefined;
  const [, host, port, secret] = /^([^:]+):(\d+):(.+)$/.exec(value) ?? [];
  if (host === undefined || secret === undefined) throw new Error(`${variable} must read host:port:secret.`);
  return { host, port: Number(port), secret };
}
