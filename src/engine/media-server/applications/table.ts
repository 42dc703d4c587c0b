// The applications that a channel knows, by FreeSWITCH's names.
import type { StartApplication } from '../channel/application.ts';
import { echo } from './echo.ts';
import { event } from './event.ts';
import { schedBroadcast, schedHangup, schedTransfer } from './later.ts';
import { NOT_HERE } from './not-here.ts';
import { playAndGetDigits, read } from './play-and-get-digits.ts';
import { endlessPlayback, gentones, playback, speak } from './playback.ts';
import { record } from './record.ts';
import { recordSession, recordSessionAct, stopRecordSession } from './record-session.ts';
import { say } from './say.ts';
import {
  breakOff,
  exportVariable,
  hangup,
  log,
  multiset,
  nothing,
  park,
  queueDtmf,
  sendDtmf,
  set,
  setGlobal,
  setMute,
  sleep,
  startDtmf,
  stopDtmf,
  transfer,
  unset,
} from './simple.ts';

export const APPLICATIONS: ReadonlyMap<string, StartApplication> = new Map<string, StartApplication>([
  ...NOT_HERE,
  ['answer', nothing],
  ['pre_answer', nothing],
  ['ring_ready', nothing],
  ['wait_for_answer', nothing],
  ['acknowledge_call', nothing],
  ['flush_dtmf', nothing],
  ['eval', nothing],
  ['verbose_events', nothing],
  ['unloop', nothing],
  ['set', set],
  ['export', exportVariable],
  ['set_global', setGlobal],
  ['multiset', multiset],
  ['unset', unset],
  ['hangup', hangup],
  ['park', park],
  ['transfer', transfer],
  ['break', breakOff],
  ['log', log],
  ['sched_hangup', schedHangup],
  ['sched_broadcast', schedBroadcast],
  ['sched_transfer', schedTransfer],
  ['echo', echo],
  ['event', event],
  ['sleep', sleep],
  ['set_mute', setMute],
  ['send_dtmf', sendDtmf],
  ['queue_dtmf', queueDtmf],
  ['start_dtmf', startDtmf],
  ['stop_dtmf', stopDtmf],
  ['playback', playback],
  ['endless_playback', endlessPlayback],
  ['gentones', gentones],
  ['speak', speak],
  ['say', say],
  ['play_and_get_digits', playAndGetDigits],
  ['read', read],
  ['record', record],
  ['record_session', recordSession],
  ['stop_record_session', stopRecordSession],
  ['record_session_mask', recordSessionAct('mask')],
  ['record_session_unmask', recordSessionAct('unmask')],
  ['record_session_pause', recordSessionAct('pause')],
  ['record_session_resume', recordSessionAct('resume')],
]);
