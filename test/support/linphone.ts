// Debian's linphonec as a phone that checks the server's certificate: its CA and its name.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientFolder, Program } from './clients.ts';

export interface LinphoneOptions {
  readonly username: string;
  readonly password: string;
  /** Whom it connects to, and the name it demands in the certificate. */
  readonly host: string;
  readonly port: number;
  /** PEM of the only CA it trusts. */
  readonly ca: string;
  /** How it registers; TLS when absent. */
  readonly transport?: 'tls' | 'tcp' | 'udp';
  /** What it offers of audio; SRTP when absent. */
  readonly encryption?: 'srtp' | 'none';
}

/** Starts it with its whole log on the standard output; it registers at once. */
export function startLinphone(options: LinphoneOptions): Program {
  const folder = clientFolder('linphone');
  mkdirSync(join(folder, '.local', 'share', 'linphone'), { recursive: true });
  writeFileSync(join(folder, 'ca.pem'), options.ca);
  writeFileSync(join(folder, 'linphonerc'), configOf(options, folder));
  return new Program('linphonec', ['-c', join(folder, 'linphonerc'), '-d', '6'], folder, { HOME: folder });
}

/** Without a network interface but loopback it would wait for one; over IPv6 it would wait for AAAA answers. */
function configOf(options: LinphoneOptions, folder: string): string {
  const { username, password, host, port, transport = 'tls', encryption = 'srtp' } = options;
  return `[sip]
root_ca=${join(folder, 'ca.pem')}
verify_server_certs=1
verify_server_cn=1
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=0
use_ipv6=0
ipv6_migration_done=1
register_only_when_network_is_up=0
default_proxy=0
media_encryption=${encryption}
[net]
dns_srv_enabled=0
dns_search_enabled=0
[auth_info_0]
username=${username}
passwd=${password}
realm=localhost
algorithm=SHA-256
[proxy_0]
reg_proxy=<sip:${host}:${port};transport=${transport}>
reg_identity=sip:${username}@localhost
reg_sendregister=1
reg_expires=300
publish=0
`;
}
