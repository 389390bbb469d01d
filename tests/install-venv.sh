#!/usr/bin/env bash
# Makes the development environment: VENV (first argument) with Python 3.12 or newer, the pinned requirements, and the
# collection reachable under the path that Ansible wants, whatever folder the clone (second argument) lies in.
set -euo pipefail
venv=$1 checkout=$2

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.14 python3 \
        $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3 2>/dev/null | sort -Vr); do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "no Python 3.12 or newer found: install one (with venv), or put it on PATH" >&2
    return 1
}

# libvirt-python comes as source only: it needs a compiler and libvirt's headers.
if ! { command -v gcc && pkg-config --exists libvirt; } >/dev/null 2>&1; then
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends gcc libc6-dev pkg-config libvirt-dev >&2
fi

python=$(find_python)
echo "installing the development environment with $("$python" --version) into $venv" >&2
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$checkout/requirements/dev.txt"
mkdir -p "$venv/collections/ansible_collections/playvirt"
ln -sfn "$checkout" "$venv/collections/ansible_collections/playvirt/core"
# The modules that roles written for ansible-operator call; the image has them in the same place.
ln -sfn "$checkout/images/runner/collections/ansible_collections/operator_sdk" "$venv/collections/ansible_collections/operator_sdk"

# kubernetes.core, for the test that runs an existing operator: one folder out of the bundle.
bundle=$(mktemp -d)
trap 'rm -rf "$bundle"' EXIT
"$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$bundle" --requirement "$checkout/requirements/operator.txt"
"$venv/bin/python" - "$bundle" "$venv/collections" <<'PYTHON'
import pathlib, sys, zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("ansible-*.whl")
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(sys.argv[2], [n for n in archive.namelist() if n.startswith("ansible_collections/kubernetes/core/")])
PYTHON

# The runner's engine is tested against a second ansible-core, in an environment of its own.
"$venv/bin/python" "$checkout/tests/unit/second_core.py" >&2
