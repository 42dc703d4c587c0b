// What `api` commands answer, word for word as FreeSWITCH 1.10.12 answers them, of a call, of no call and of nobody's.
import t, { type Test } from 'tap';
import { type MediaBench, mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** Command and reply; `$` is the call. */
type Replies = Readonly<Record<string, string | RegExp>>;

const RECORD_USAGE = '-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n';
const TRANSFER_USAGE = '-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n';

const VARIABLES: Replies = {
  'uuid_exists $': 'true',
  [`uuid_exists ${NOBODY}`]: 'false',
  uuid_getvar: '-USAGE: <uuid> <var>\n',
  'uuid_getvar $': '-USAGE: <uuid> <var>\n',
  'uuid_getvar $ nope': '_undef_',
  'uuid_getvar $ dtmf_type': 'rfc2833',
  'uuid_getvar $ destination_number': 'drachtio',
  'uuid_getvar $ caller_id_name': 'unknown',
  'uuid_getvar $ created_time': /^\d{16}$/,
  'uuid_getvar $ local_ip_v4': '127.0.0.1',
  [`uuid_getvar ${NOBODY} nope`]: '-ERR No such channel!\n',
  uuid_setvar: '-USAGE: <uuid> <var> [value]\n',
  'uuid_setvar $': '-USAGE: <uuid> <var> [value]\n',
  'uuid_setvar $ colour green': '+OK\n',
  'uuid_getvar $ colour': 'green',
  'uuid_setvar $ colour dark green': '+OK\n',
  'uuid_getvar  $ colour': 'dark green',
  "uuid_setvar $ colour 'light green'": '+OK\n',
  'uuid_getvar $  colour': 'light green',
  'uuid_setvar $ colour': '+OK\n',
  'uuid_getvar $ colour ': '_undef_',
  [`uuid_setvar ${NOBODY} colour green`]: '-ERR No such channel!\n',
  'uuid_setvar_multi $': '-ERR no reply\n',
  'uuid_setvar_multi $ x=1;y=2': '+OK\n',
  'uuid_getvar $ y': '2',
  uuid_dump: '-USAGE: <uuid> [format]\n',
  [`uuid_dump ${NOBODY}`]: '-ERR No such channel!\n',
  'uuid_dump $': /^Event-Name: CHANNEL_DATA\n[\s\S]*\nvariable_dtmf_type: rfc2833\n/,
  'uuid_dump $ plain': /^Event-Name: \[CHANNEL_DATA\]\n[\s\S]*\nvariable_dtmf_type: \[rfc2833\]\n/,
  'uuid_dump $ json': /^\{"Event-Name":"CHANNEL_DATA",.*"variable_dtmf_type":"rfc2833"/,
  'uuid_dump $ xml': /^<event>\n {2}<headers>\n {4}<Event-Name>CHANNEL_DATA<\/Event-Name>/,
  'uuid_set_media_stats $': '+OK:\n',
  uuid_set_media_stats: '-USAGE: <uuid>\n',
  [`uuid_set_media_stats ${NOBODY}`]: `-ERR No such channel ${NOBODY}!\n`,
};

const ACTS: Replies = {
  uuid_kill: '-USAGE: <uuid> [cause]\n',
  [`uuid_kill ${NOBODY}`]: '-ERR No such channel!\n',
  uuid_break: '-USAGE: <uuid> [all]\n',
  'uuid_break $ all': '+OK\n',
  [`uuid_break ${NOBODY} all`]: '-ERR No such channel!\n',
  'uuid_bridge $': '-USAGE: <uuid> <other_uuid>\n',
  [`uuid_bridge $ ${NOBODY}`]: '-ERR Invalid uuid\n',
  uuid_transfer: TRANSFER_USAGE,
  'uuid_transfer $': TRANSFER_USAGE,
  [`uuid_transfer ${NOBODY} -both park inline`]: '-ERR No such channel!\n',
  [`uuid_park ${NOBODY}`]: '-ERR No such channel!\n',
  uuid_send_dtmf: '-USAGE: <uuid> <dtmf_data>\n',
  'uuid_send_dtmf $': '-USAGE: <uuid> <dtmf_data>\n',
  'uuid_send_dtmf $ 1': '+OK $ sent DTMF 1.\n',
  'uuid_send_dtmf $ 12@100': '+OK $ sent DTMF 12@100.\n',
  [`uuid_send_dtmf ${NOBODY} 1`]: '-ERR Cannot locate session!\n',
  uuid_recv_dtmf: '-USAGE: <uuid> <dtmf_data>\n',
  'uuid_recv_dtmf $': '-USAGE: <uuid> <dtmf_data>\n',
  'uuid_recv_dtmf $ 1': '+OK $ received DTMF 1.\n',
  [`uuid_recv_dtmf ${NOBODY} 1`]: '-ERR Cannot locate session!\n',
  uuid_broadcast: '-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n',
  'uuid_broadcast $ silence_stream://20': '+OK Message sent\n',
  [`uuid_broadcast ${NOBODY} silence_stream://20`]: '-ERR invalid uuid\n',
  [`sched_hangup +60 ${NOBODY}`]: '-ERR No such channel!\n',
};

const RECORDS: Replies = {
  uuid_record: RECORD_USAGE,
  'uuid_record $ start': RECORD_USAGE,
  [`uuid_record ${NOBODY} start x.ul`]: '-ERR Cannot locate session!\n',
  'uuid_record $ stop /tmp/none.wav': '-ERR Cannot stop record session!\n',
  'uuid_record $ mask /tmp/none.wav': '-ERR Cannot mask recording session!\n',
  'uuid_record $ unmask /tmp/none.wav': '-ERR Cannot unmask recording session!\n',
  'uuid_record $ pause /tmp/none.wav': '-ERR Cannot pause recording session!\n',
  'uuid_record $ resume /tmp/none.wav': '-ERR Cannot resume recording session!\n',
  'uuid_record $ dance /tmp/none.wav': RECORD_USAGE,
};

const CONSOLE: Replies = {
  'no_such_command now': '-ERR no_such_command Command not found!\n',
  'version short': '1.10.12-release\n',
  version: /^FreeSWITCH Version 1\.10\.12-release.*64bit\)\n$/,
  status: /^UP 0 years, 0 days, [\s\S]*\n1 session\(s\) - peak \d+, last 5min \d+ \n[\s\S]*session\(s\) max\n/,
  help: /^\nValid Commands:\n\n[\s\S]*\nuuid_kill,<uuid> \[cause\],/,
  show: /^-USAGE: /,
  'show nonsense': /^-USAGE: codec\|endpoint\|application\|api\|/,
  'show modules': /^type,name,ikey,filename\napi,[\s\S]*\ncodec,G\.711 ulaw,CORE_PCM_MODULE,[\s\S]* total\.\n$/,
  'show modules mod_say_en': /^type,name,ikey,filename\nsay,en,mod_say_en,[^\n]+\n\n1 total\.\n$/,
  'show codec': /^type,name,ikey\n[\s\S]*codec,G\.711 alaw,CORE_PCM_MODULE\n[\s\S]* total\.\n$/,
  'show codecs': /^type,name,ikey\ncodec,/,
  'show codec as json': /^\{"row_count":\d+,"rows":\[\{"type":"codec","name":"[A-Z]/,
  'show application set': /^name,description,syntax,ikey\nset,[^\n]*,mod_dptools\n\n1 total\.\n$/,
  'show api uuid_kill': /^name,description,syntax,ikey\nuuid_kill,[^\n]*,<uuid> \[cause\],mod_commands\n\n1 total\.\n$/,
  'show endpoint': /^type,name,ikey\nendpoint,error,mod_dptools\n[\s\S]*endpoint,sofia,mod_sofia\n/,
  'show interface_types as json': /^\{"row_count":\d+,"rows":\[\{"type":"api","total":"\d+"\},/,
  'show interfaces': /^type,name,ikey\napi,/,
  'show status': /^UP 0 years/,
  'show tasks as json': '{"row_count": 0}\n',
  'show detailed_calls': /^uuid,direction,[a-z_,]*,b_uuid,[a-z_,]*,call_created_epoch\n\$,inbound,/,
  'show channels': /^uuid,direction,created,[a-z_,]*,initial_context\n\$,inbound,.*,XML,mrf\n\n1 total\.\n$/,
  'show channels count': '\n1 total.\n',
  'show channels like zzz': '\n0 total.\n',
  'show channels like $': /\n1 total\.\n$/,
  'show channels as json': /^\{"row_count":1,"rows":\[\{"uuid":"\$","direction":"inbound",/,
  'show channels count as json': '{"row_count":1,"rows":[]}',
  'show channels as yaml': '-ERR Cannot find format yaml\n',
  'show calls': /^uuid,direction,[a-z_,]*,call_created_epoch\n\$,inbound,.*\n\n1 total\.\n$/,
  'show channels count as xml': '<result row_count="1"></result>\n',
  'show channels as delim |': /^uuid\|direction\|/,
  'show calls as xml': /^<result row_count="1">\n {2}<row row_id="1">\n {4}<uuid>\$<\/uuid>\n/,
  'show bridged_calls as json': '{"row_count": 0}\n',
  'sofia status': /\n +drachtio_mrf\tprofile\t +sip:mod_sofia@[\d.]+:\d+\tRUNNING \(\d+\)\n/,
  'sofia status profile drachtio_mrf': /\nURL +\tsip:mod_sofia@[\d.]+:\d+\n/,
  'sofia status gateway': /\n0 gateways: Inbound\(Failed\/Total\): 0\/0,/,
  'sofia status profile': /\n0 gateways: /,
  'sofia status gateway nobody': 'Invalid Gateway!\n',
  'sofia nonsense': 'Unknown Command [nonsense]\n',
  conference: /^<conf name> [\s\S]*<conf name> lock/,
  'conference nobody list count': '-ERR Conference nobody not found\n',
  'module_exists mod_sofia': 'true',
  'module_exists mod_nothing': 'false',
  'echo hello': 'hello',
  create_uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  'fsctl nonsense': /^-ERR Invalid command\nUSAGE: fsctl \[/,
  'fsctl pause_check': 'false',
  'fsctl ready_check': 'true',
  'fsctl shutdown_check': 'false',
  'fsctl last_sps': /^\+OK last sessions per second: \d+\n$/,
  'fsctl max_sessions': '+OK max sessions: 1000\n',
  unload: '-USAGE: [-f] <mod_name>\n',
  'unload mod_nothing': '-ERR [No such module!]\n',
  module_exists: '-ERR no reply\n',
  'msleep 1': '+OK',
  sched_del: '+OK Deleted: 0\n',
  sched_hangup: '-USAGE: [+]<time> <uuid> [<cause>]\n',
  sched_transfer: '-USAGE: [+]<time> <uuid> <extension> [<dialplan>] [<context>]\n',
  'global_getvar local_ip_v4': '127.0.0.1',
  reloadxml: '+OK [Success]\n',
  'console_complete show chan': '\n\n[            channels]\t\n\nwrite=4:channels ',
  'console_complete c=4;show chan': '\n\n[                show]\t\n\nwrite=4:show ',
  'console_complete uuid_ki': '\n\n[           uuid_kill]\t\n\nwrite=7:uuid_kill ',
  'console_complete uuid_kill ': '\n\n[$]\t\n\nwrite=0:$ ',
  'console_complete uuid_': /^\n\n(?:(?:\[ *uuid_[a-z_]+\]\t){4}\n)+[\s\S]*\n\nwrite=5:uuid_$/,
  'console_complete nothing': '\n\n\n\n',
  reloadacl: '+OK acl reloaded\n',
  'eval a ${local_ip_v4} b': 'a 127.0.0.1 b',
  // FreeSWITCH 1.10.12 finds no variable of the call there.
  'eval uuid:$ ${dtmf_type}': ON_FREESWITCH ? '-ERR no reply\n' : 'rfc2833',
  'expand uuid:$ echo ${dtmf_type}': ON_FREESWITCH ? '-ERR no reply\n' : 'rfc2833',
  'global_setvar colour=blue': '+OK',
  'global_getvar  colour': 'blue',
  'global_setvar colour=': '+OK',
  'global_getvar colour': '-ERR no reply\n',
  'uptime h': '0\n',
  'uptime x': /^-USAGE: /,
  'md5 abc': '900150983cd24fb0d6963f7d28e17f72',
  'toupper abc': 'ABC',
  'url_decode a%20b': 'a b',
  'user_exists id 1001 nowhere': 'false',
  'group_call sales': 'error/NO_ROUTE_DESTINATION',
  'sched_api +900 mine status': /^\+OK Added: \d+\n$/,
  'sched_del mine': '+OK Deleted: 1\n',
  'sched_api nonsense': '-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n',
  'unsched_api 999999': '-ERR No such id\n',
  'sched_broadcast +900 $ silence_stream://20': '+OK Message scheduled\n',
  'uuid_answer $': '+OK\n',
  [`uuid_answer ${NOBODY}`]: '-ERROR\n',
  'uuid_flush_dtmf $': '+OK\n',
  [`uuid_flush_dtmf ${NOBODY}`]: '-ERR No such session\n',
  [`uuid_media ${NOBODY}`]: '-ERR Operation failed\n',
  [`uuid_hold ${NOBODY}`]: ON_FREESWITCH ? '+OK Success\n' : '-ERR Operation failed\n',
  [`uuid_dual_transfer ${NOBODY} park/inline park/inline`]: '-ERR No such channel!\n',
  // Only calls with those variables are hung up; the last line shows that the call is still there.
  'hupall NORMAL_CLEARING colour red': '+OK hangup all channels matching [colour]=[red] with cause: NORMAL_CLEARING\n',
  'hupall NORMAL_CLEARING colour red a b':
    '+OK hangup all channels matching [colour]=[red]... with cause: NORMAL_CLEARING\n',
  'uuid_exists $': 'true',
};

async function compare(t: Test, bench: MediaBench, replies: Replies): Promise<void> {
  const { endpoint } = await bench.call();
  for (const [command, expected] of Object.entries(replies)) {
    const reply = (await bench.ms.api(command.replaceAll(/\$(?!\{)/g, endpoint.uuid))).replaceAll(endpoint.uuid, '$');
    if (typeof expected === 'string') t.equal(reply, expected, command);
    else t.match(reply, expected, command);
  }
}

const TABLES = { variables: VARIABLES, acts: ACTS, recordings: RECORDS, console: CONSOLE };
for (const [name, replies] of Object.entries(TABLES)) {
  t.test(`replies are FreeSWITCH’s: ${name}`, async (t) => {
    await using bench = await mediaBench();
    await compare(t, bench, replies);
  });
}

t.test('help tells of one command, hupall ends the calls that have the variable, and those alone', async (t) => {
  await using bench = await mediaBench();
  const [red, green] = [await bench.call(), await bench.call()];
  await red.endpoint.set('colour', 'red');
  await green.endpoint.set('colour', 'green');
  const ended = new Promise<{ reason: string }>((resolve) => red.endpoint.once('destroy', resolve));
  await bench.ms.api('hupall USER_BUSY colour red');
  t.match(await ended, { reason: 'USER_BUSY' });
  t.equal(await bench.ms.api(`uuid_exists ${green.endpoint.uuid}`), 'true');
  // FreeSWITCH 1.10.12 prints all of them, whatever it is asked about.
  const help = await bench.ms.api('help uuid_kill');
  if (ON_FREESWITCH) t.match(help, /\nuuid_kill,<uuid> \[cause\],/);
  else t.match(help, /^uuid_kill,<uuid> \[cause\],.*\n$/);
  t.match(await bench.ms.api(`sched_hangup +0 ${green.endpoint.uuid} ALLOTTED_TIMEOUT`), /^\+OK/);
});
