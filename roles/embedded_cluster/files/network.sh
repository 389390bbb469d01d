#!/bin/sh
# The machine's side of the cluster's network. It may run any number of times and says "changed" when it changed something.
#   network.sh up BRIDGE PREFIX PORT PID...    the bridge and the way out; a cable, and the way to its pods, for each node in turn, whose
#                                              namespaces process PID holds; PORT is the API server's
#   network.sh cut BRIDGE INDEX                pulls the cable of a node
#   network.sh down BRIDGE                     takes all of it away
set -eu
command=$1 bridge=$2

changed() { echo changed; }

rules() { # the API server listens for this machine and the nodes only; pods reach the outside under the machine's address
    cat <<RULES
table ip $bridge {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport $port iifname != { "lo", "$bridge" } drop
    }
    chain outside {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr $prefix.0.0/16 ip daddr != $prefix.0.0/16 oifname != "$bridge" masquerade
    }
}
RULES
}

connect_machine() {
    if ! ip link show "$bridge" >/dev/null 2>&1; then
        ip link add "$bridge" type bridge
        changed
    fi
    ip address replace "$prefix.0.1/24" dev "$bridge"
    ip link set "$bridge" up
    echo 0 >"/proc/sys/net/ipv4/conf/$bridge/send_redirects"
    ip route replace "$prefix.64.0/20" via "$prefix.0.11" dev "$bridge"
    if [ "$(cat /proc/sys/net/ipv4/ip_forward)" != 1 ]; then
        echo 1 >/proc/sys/net/ipv4/ip_forward
        changed
    fi
    if ! nft list table ip "$bridge" >/dev/null 2>&1; then
        rules | nft -f -
        changed
    fi
    # Docker, for one, lets nothing be forwarded that it does not know.
    if nft list chain ip filter FORWARD 2>/dev/null | grep -q 'policy drop'; then
        for direction in -i -o; do
            if ! iptables --check FORWARD "$direction" "$bridge" --jump ACCEPT 2>/dev/null; then
                iptables --insert FORWARD "$direction" "$bridge" --jump ACCEPT
                changed
            fi
        done
    fi
}

connect_node() {
    index=$1 pid=$2
    address=$prefix.0.$((10 + index)) cable=$bridge-$index
    if ! nsenter --target "$pid" --net -- ip link show eth0 >/dev/null 2>&1; then
        ip link delete "$cable" 2>/dev/null || true
        ip link add "$cable" type veth peer name eth0 netns "/proc/$pid/ns/net"
        changed
    fi
    ip link set "$cable" master "$bridge" up
    nsenter --target "$pid" --net -- sh -ec '
        ip address replace "$0/24" dev eth0
        ip link set eth0 up
        ip route replace default via "$1"
        echo 1 >/proc/sys/net/ipv4/ip_forward' "$address" "$prefix.0.1"
    ip route replace "$prefix.$((127 + index)).0/24" via "$address" dev "$bridge"
}

case $command in
up)
    prefix=$3 port=$4
    shift 4
    connect_machine
    node=0
    for holder in "$@"; do
        node=$((node + 1))
        connect_node "$node" "$holder"
    done
    ;;
cut)
    if ip link delete "$bridge-$3" 2>/dev/null; then changed; fi
    ;;
down)
    for cable in $(ip -o link show master "$bridge" 2>/dev/null | sed -E 's/^[0-9]+: ([^@:]+).*/\1/'); do
        ip link delete "$cable" 2>/dev/null || true # it may go by itself, with its node
        changed
    done
    if nft list chain ip filter FORWARD 2>/dev/null | grep -q "\"$bridge\""; then
        for direction in -i -o; do iptables --delete FORWARD "$direction" "$bridge" --jump ACCEPT || true; done
        changed
    fi
    if ip link delete "$bridge" 2>/dev/null; then changed; fi
    if nft delete table ip "$bridge" 2>/dev/null; then changed; fi
    ;;
*)
    echo "network.sh: unknown command $command" >&2
    exit 2
    ;;
esac
