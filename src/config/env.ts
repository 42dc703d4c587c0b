// What the environment may say: where the appliance's folder is and how it is reached at its very first start. Never a secret.
import { resolve } from 'node:path';

export interface Environment {
  /** Holds the bootstrap file, the data and the keys. */
  readonly varFolder: string;
  /** Used when the bootstrap file is first written; the file is the truth from then on. */
  readonly firstAddress: string | undefined;
  readonly firstHostName: string | undefined;
  readonly runtimeBase: string | undefined;
  /** Where systemd puts the unit's credentials, on RAM. */
  readonly credentialsFolder: string | undefined;
}

export function readEnvironment(env: NodeJS.ProcessEnv, checkout: string): Environment {
  return {
    varFolder: resolve(env.WARDLINE_VAR ?? resolve(checkout, 'var')),
    firstAddress: env.WARDLINE_ADDRESS,
    firstHostName: env.WARDLINE_HOST_NAME,
    runtimeBase: env.XDG_RUNTIME_DIR,
    credentialsFolder: env.CREDENTIALS_DIRECTORY,
  };
}
