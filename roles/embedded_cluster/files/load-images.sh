#!/bin/sh
# Loads image archives into the containerd of each node that has not got them, all nodes at once; says "changed" when it loaded any.
#   load-images.sh CTR MARKS ARCHIVE... -- NODE PID...    NODE's mount namespace is that of process PID; MARKS/NODE/ARCHIVE.loaded tells
#                                                         that it is there, and goes away with the node's own files
set -eu
ctr=$1 marks=$2
shift 2

archives=
while [ "$1" != -- ]; do
    archives="$archives $1"
    shift
done
shift

load() {
    for archive in $archives; do
        mark=$marks/$1/$(basename "$archive").loaded
        [ ! -e "$mark" ] || continue
        "$ctr" --address "/proc/$2/root/run/containerd/containerd.sock" --namespace k8s.io images import "$archive" >/dev/null
        touch "$mark"
        echo changed
    done
}

jobs=
while [ $# -gt 0 ]; do
    load "$1" "$2" &
    jobs="$jobs $!"
    shift 2
done
for job in $jobs; do wait "$job"; done
