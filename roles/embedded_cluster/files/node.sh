#!/bin/sh
# The process that is a node: it gives the node's directories their standard places in its own mount namespace, waits for its network to
# be plugged in, and then only holds the two namespaces. Runs as: unshare --net --mount --propagation private node.sh DIRECTORY
set -eu
node=$1

# What other programs of the machine have mounted for a while (image builds, other namespaces) would stay busy here for ever.
while read -r _ path type _; do
    case $type in overlay | nsfs) case $node/ in "${path%/}"/*) ;; *) umount --lazy "$path" || true ;; esac ;; esac
done <<MOUNTS
$(cat /proc/mounts)
MOUNTS

rm -rf "${node:?}/run"
for path in run var/log var/lib/kubelet var/lib/containerd var/lib/cni etc/cni; do
    mkdir -p "$node/$path" "/$path"
done
chmod 0755 "$node/run"
for path in run/systemd run/dbus; do # the systemd cgroup driver talks to the machine's systemd
    if [ -e "/$path" ]; then
        mkdir -p "$node/$path"
        mount --rbind "/$path" "$node/$path"
    fi
done
for path in run var/log var/lib/kubelet var/lib/containerd var/lib/cni etc/cni; do
    mount --rbind "$node/$path" "/$path"
done
mkdir -p /run/lock /run/netns
mount --make-rshared /
ip link set lo up
exec sleep infinity
