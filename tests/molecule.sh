#!/usr/bin/env bash
# Runs one molecule scenario per role (or those named), against a stateful API server on loopback that is stopped at the end.
set -euo pipefail
cd "${ANSIBLE_COLLECTIONS_PATH:?run through make}/ansible_collections/playvirt/core"
scratch=$(mktemp -d)
python -m ansible_collections.playvirt.core.tests.molecule.api_server "$scratch" >"$scratch/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
for _ in $(seq 1200); do
    [ -s "$scratch/kubeconfig" ] && break
    kill -0 "$server" || { cat "$scratch/log"; exit 1; }
    sleep 0.1
done
export K8S_AUTH_KUBECONFIG=$scratch/kubeconfig KUBECONFIG=$scratch/kubeconfig
export PLAYVIRT_RUNNER_SOCKET=$scratch/runner.sock MOLECULE_EPHEMERAL_DIRECTORY=$scratch/molecule
export ANSIBLE_FORCE_COLOR=false NO_COLOR=1

failed=()
scenarios=("$@")
[ $# -gt 0 ] || scenarios=($(ls extensions/molecule))
for scenario in "${scenarios[@]}"; do
    echo "== molecule: $scenario"
    if ! (cd extensions && molecule test -s "$scenario") >"$scratch/$scenario.log" 2>&1; then
        cat "$scratch/$scenario.log"
        failed+=("$scenario")
    fi
done
echo "molecule: $((${#scenarios[@]} - ${#failed[@]})) of ${#scenarios[@]} scenarios passed${failed:+; failed: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
