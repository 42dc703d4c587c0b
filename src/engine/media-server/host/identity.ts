// How this server names itself to FreeSWITCH's clients, on the event socket and in SIP.

/** The host in events and lists, where FreeSWITCH tells its machine's. */
export const HOST_NAME = 'wardline';
/** The SIP profile that drachtio-fsmrf looks for. */
export const PROFILE = 'drachtio_mrf';
/** The FreeSWITCH version whose behaviour this server has. */
export const VERSION = '1.10.12-release';
export const USER_AGENT = `FreeSWITCH ${PROFILE}`;
/** The dialplan context that calls run in; also the session's name in SDP. */
export const CONTEXT = 'mrf';
