// A small clinic for tests: three desks, two mailboxes, a menu, a hunt group, and numbers that lead to each; every part can be replaced.
import type { Clinic, Extension, Trunk } from '../../src/model/clinic.ts';

/** A small clinic; every part can be replaced. */
export function testClinic(changes: Partial<Clinic> = {}): Clinic {
  const clinic = {
    name: 'Test Clinic',
    timeZone: 'America/New_York',
    countryCode: '1',
    operator: { to: 'extension', number: '1001' },
    emergency: { numbers: { '911': '911', '9911': '911' }, callbackNumber: '+12125550100', notify: ['1001'] },
    extensions: [extension('1001'), extension('1002'), extension('1003', { isRecorded: true })],
    phones: ['1001', '1002', '1003'].map((number) => ({
      username: number,
      extension: number,
      label: `Desk ${number}`,
    })),
    mailboxes: [
      { number: '1001', name: 'Box 1001', greeting: { file: 'call/no-answer' }, maxSeconds: 30 },
      { number: '1002', name: 'Box 1002', maxSeconds: 30 },
    ],
    trunks: [],
    dids: [
      { number: '+12125550100', name: 'Main', destination: { to: 'menu', id: 'main' }, isRecorded: false },
      { number: '+12125550101', name: 'Desk', destination: { to: 'extension', number: '1002' }, isRecorded: false },
      { number: '+12125550102', name: 'Hunt', destination: { to: 'hunt-group', id: 'front' }, isRecorded: false },
      {
        number: '+12125550103',
        name: 'Hours',
        destination: {
          to: 'hours',
          schedule: 'never',
          open: { to: 'operator' },
          closed: { to: 'mailbox', number: '1001' },
        },
        isRecorded: false,
      },
    ],
    huntGroups: [
      {
        id: 'front',
        name: 'Front desk',
        number: '2000',
        strategy: 'simultaneous',
        members: ['1001', '1002'],
        ringSeconds: 2,
        onNoAnswer: { to: 'mailbox', number: '1001' },
      },
    ],
    menus: [
      {
        id: 'main',
        name: 'Main',
        prompt: { file: 'sample/main-menu' },
        choices: { '1': { to: 'extension', number: '1002' }, '3': { to: 'mailbox', number: '1001' } },
        canDialExtensions: true,
        timeoutSeconds: 1,
        interDigitSeconds: 1,
        maxAttempts: 2,
        onFailure: { to: 'hang-up' },
        operatorKey: '0',
      },
    ],
    schedules: [{ id: 'never', name: 'Never', open: [], closures: [] }],
    recording: { notice: { file: 'call/recording-notice' } },
    voicemailNumber: '*97',
    ...changes,
  };
  return clinic as unknown as Clinic;
}

export function extension(number: string, changes: Partial<Extension> = {}): Extension {
  const base = {
    number,
    name: `Person ${number}`,
    ringSeconds: 2,
    onNoAnswer: { to: 'mailbox', number },
    isRecorded: false,
  };
  return { ...base, ...changes } as Extension;
}

/** A trunk whose carrier is a test phone on loopback. */
export function trunkTo(carrier: { readonly host: string; readonly port: number }, id = 'test'): Trunk {
  const trunk = {
    id,
    name: 'Test carrier',
    addresses: ['127.0.0.1'],
    host: carrier.host,
    port: carrier.port,
    transport: 'udp',
    srtp: 'forbidden',
    callerId: '+12125550100',
    isSample: false,
  };
  return trunk as unknown as Trunk;
}
