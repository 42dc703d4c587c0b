// The headers of every answer: a content security policy that lets the console's own files in and nothing else.

import type { FastifyHelmetOptions } from '@fastify/helmet';
import { isIP } from '../kernel/ip.ts';

const SELF = ["'self'"];
const YEAR_SECONDS = 31_536_000;

export function securityHeaders(hostName: string): FastifyHelmetOptions {
  // A browser that keeps "HTTPS only" for localhost would break every other program there.
  const isNamed = hostName !== 'localhost' && isIP(hostName) === 0;
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: SELF,
        styleSrc: SELF,
        imgSrc: SELF,
        mediaSrc: SELF,
        connectSrc: SELF,
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: isNamed && { maxAge: YEAR_SECONDS, includeSubDomains: false },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
  };
}
