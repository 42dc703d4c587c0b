// Applications of FreeSWITCH's that are not done here: they end with a response that says so, and no call is lost for them.
import type { Execution, StartApplication } from '../channel/application.ts';

const NAMES =
  'att_xfer bgsystem bind_digit_action bind_meta_app block_dtmf blind_transfer_ack bridge_export broadcast capture ' +
  'capture_text check_acl clear_digit_action clear_speech_cache cng_plc deduplicate_dtmf deflect delay_echo ' +
  'detect_audio detect_silence detect_speech digit_action_set_realm digit_action_set_target displace_session ' +
  'early_hangup eavesdrop enable_heartbeat enable_keepalive execute_extension fax_detect hold info intercept ivr ' +
  'jitterbuffer keepalive limit limit_execute limit_hash loop_playback media_reset mkdir mutex native_eavesdrop ' +
  'novideo park_state phrase pickup play_and_detect_speech play_fsv play_yuv preprocess presence privacy push ' +
  'record_av record_fsv recovery_refresh redirect remove_bugs rename respond rxfax sched_heartbeat send_display ' +
  'send_info session_loglevel set_audio_level set_media_stats set_name set_profile_var set_user set_zombie_exec ' +
  'socket soft_hold sound_test spandsp_detect_tdd spandsp_start_dtmf spandsp_start_fax_detect ' +
  'spandsp_start_tone_detect spandsp_stop_dtmf spandsp_stop_fax_detect spandsp_stop_tone_detect start_tone_detect ' +
  'stop stop_displace_session stop_record_session_mask stop_tone_detect strftime system t38_gateway three_way ' +
  'tone_detect transfer_vars txfax unbind_meta_app unblock_dtmf unhold unshift vad_test video_decode video_refresh ' +
  'video_write_overlay wait_for_silence wait_for_video_ready';

function notHere({ channel, complete }: Execution): undefined {
  channel.host.logger.warn({ channel: channel.uuid }, 'an application was asked for that is not done here');
  complete('-ERR not done here');
}

export const NOT_HERE: ReadonlyMap<string, StartApplication> = new Map(
  NAMES.split(' ').map((name) => [name, notHere] as const),
);
