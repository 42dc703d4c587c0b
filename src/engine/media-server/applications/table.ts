// The applications that a channel knows, by FreeSWITCH's names.
import type { StartApplication } from '../application.ts';
import { playAndGetDigits } from './digits.ts';
import { echo } from './echo.ts';
import { event } from './event.ts';
import { endlessPlayback, playback, speak } from './playback.ts';
import { record } from './record.ts';
import { recordSession, recordSessionAct, stopRecordSession } from './record-session.ts';
import { say } from './say.ts';
import { answer, hangup, multiset, park, sendDtmf, set, setMute, sleep, startDtmf, stopDtmf, unset } from './simple.ts';

export const APPLICATIONS: ReadonlyMap<string, StartApplication> = new Map<string, StartApplication>([
  ['answer', answer],
  ['pre_answer', answer],
  ['set', set],
  ['export', set],
  ['multiset', multiset],
  ['unset', unset],
  ['hangup', hangup],
  ['park', park],
  ['echo', echo],
  ['event', event],
  ['sleep', sleep],
  ['set_mute', setMute],
  ['send_dtmf', sendDtmf],
  ['start_dtmf', startDtmf],
  ['stop_dtmf', stopDtmf],
  ['playback', playback],
  ['endless_playback', endlessPlayback],
  ['speak', speak],
  ['say', say],
  ['play_and_get_digits', playAndGetDigits],
  ['record', record],
  ['record_session', recordSession],
  ['stop_record_session', stopRecordSession],
  ['record_session_mask', recordSessionAct('mask')],
  ['record_session_unmask', recordSessionAct('unmask')],
  ['record_session_pause', recordSessionAct('pause')],
  ['record_session_resume', recordSessionAct('resume')],
]);
