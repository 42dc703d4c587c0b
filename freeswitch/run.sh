#!/bin/sh
# Starts FreeSWITCH as Wardline's media server, in the foreground, with everything that it writes in one folder on RAM.
# The event socket's password is read from standard input, so that it is in no argument and no environment.
set -eu

usage() {
  echo "usage: run.sh [--freeswitch PROGRAM] [--modules DIR] [--event-socket HOST:PORT] [--sip HOST:PORT] [--rtp HOST:FIRST-LAST] [--codecs LIST] [--sounds DIR] [--run DIR] < password" >&2
  exit 64
}

here=$(cd "$(dirname "$0")" && pwd)
program=freeswitch
modules=
event_socket=127.0.0.1:8021
sip=127.0.0.1:5080
rtp=127.0.0.1:20000-21000
codecs=PCMU,PCMA,G722,OPUS,OPUS@16000h
sounds=$here/../config/prompts/en
run=/dev/shm/wardline-freeswitch

while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --freeswitch) program=$2 ;;
    --modules) modules=$2 ;;
    --event-socket) event_socket=$2 ;;
    --sip) sip=$2 ;;
    --rtp) rtp=$2 ;;
    --codecs) codecs=$2 ;;
    --sounds) sounds=$2 ;;
    --run) run=$2 ;;
    *) usage ;;
  esac
  shift 2
done

IFS= read -r password || [ -n "$password" ] || { echo "run.sh: say the password on standard input." >&2; exit 64; }
case $password in *[!A-Za-z0-9_-]*) echo "run.sh: a password of letters, digits, - and _ alone." >&2; exit 64 ;; esac

sounds=$(cd "$sounds" && pwd)
umask 077
for folder in conf log db run temp cache storage recordings scripts certs; do mkdir -p "$run/$folder"; done
cp "$here/freeswitch.xml" "$run/conf/freeswitch.xml"
ports=${rtp##*:}
cat > "$run/conf/vars.xml" <<VARS
<include>
  <X-PRE-PROCESS cmd="set" data="local_ip_v4=${rtp%%:*}"/>
  <X-PRE-PROCESS cmd="set" data="domain=${rtp%%:*}"/>
  <X-PRE-PROCESS cmd="set" data="event_socket_host=${event_socket%%:*}"/>
  <X-PRE-PROCESS cmd="set" data="event_socket_port=${event_socket##*:}"/>
  <X-PRE-PROCESS cmd="set" data="event_socket_password=$password"/>
  <X-PRE-PROCESS cmd="set" data="sip_host=${sip%%:*}"/>
  <X-PRE-PROCESS cmd="set" data="sip_port=${sip##*:}"/>
  <X-PRE-PROCESS cmd="set" data="rtp_host=${rtp%%:*}"/>
  <X-PRE-PROCESS cmd="set" data="rtp_first_port=${ports%%-*}"/>
  <X-PRE-PROCESS cmd="set" data="rtp_last_port=${ports##*-}"/>
  <X-PRE-PROCESS cmd="set" data="codecs=$codecs"/>
  <X-PRE-PROCESS cmd="set" data="sound_prefix=$sounds"/>
</include>
VARS

# mod_local_stream refuses to start without a stream.
streams= module=
for folder in "$sounds"/music/*/; do
  [ -d "$folder" ] || continue
  module='<load module="mod_local_stream"/>'
  streams="$streams<directory name=\"$(basename "$folder")\" path=\"$folder\"><param name=\"shuffle\" value=\"false\"/></directory>"
done
echo "<include>$streams</include>" > "$run/conf/music.xml"
echo "<include>$module</include>" > "$run/conf/music-module.xml"

set -- -nonat -nonatmap -nc -nf -np -conf "$run/conf" -log "$run/log" -db "$run/db" -run "$run/run" -temp "$run/temp" \
  -cache "$run/cache" -storage "$run/storage" -recordings "$run/recordings" -sounds "$sounds" -scripts "$run/scripts" -certs "$run/certs"
[ -z "$modules" ] || set -- "$@" -mod "$modules"
exec "$program" "$@"
