#!/bin/bash
# Prints the guest's serial log while the launcher lives: console-log.sh LOCK LOG.
#
# The launcher holds an exclusive lock on LOCK, which is there from its start; the kernel drops the lock when the launcher ends, in
# whatever manner. LOG may come later, grow, be truncated or be replaced; tail follows it by name. Run by console_log.py as PID 1 of
# container guest-console-log. SIGTERM comes to both containers at once, when the guest only begins to shut down: what it prints then
# is still printed, so a SIGTERM ends this only where no launcher holds the lock.
#
# A container's log is kept by lines: what the guest leaves standing without an end of line, such as a login prompt, gets one after a second.
set -eu
lock=$1
log=$2

trap 'test -e "$lock" || exit 0' TERM INT

show() {
    local line code
    while :; do
        line=
        code=0
        IFS= read -r -t 1 line || code=$?
        [ "$code" -ne 0 ] && [ -z "$line" ] || printf '%s\n' "$line"
        [ "$code" -eq 0 ] || [ "$code" -gt 128 ] || return 0 # above 128: the second is over; else the end of the input
    done
}

# A shell runs a trap between two commands; the pauses are short for that.
until [ -e "$lock" ]; do
    sleep 0.2 &
    wait $! || true
done

# The shared lock is granted once the launcher is gone; tail then prints what is left and ends, as its --pid has.
flock --shared "$lock" true >/dev/null &
gone=$!
tail --lines=+1 --follow=name --retry --sleep-interval=0.5 --pid="$gone" "$log" 2>/dev/null | show &
shown=$!

# A trapped signal interrupts wait: go on waiting until all is shown.
while kill -0 "$shown" 2>/dev/null; do
    wait "$shown" || true
done
exit 0
