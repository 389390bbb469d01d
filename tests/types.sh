#!/usr/bin/env bash
# mypy --strict over the library, the modules and the processes, seen under the name that Ansible imports them by.
set -euo pipefail
collections=${ANSIBLE_COLLECTIONS_PATH:?run through make}
cd "$collections"
export MYPYPATH=$collections
core=ansible_collections/playvirt/core
exec mypy --config-file "$core/pyproject.toml" --cache-dir "$core/.mypy_cache" \
    "$core/plugins/module_utils" "$core/plugins/plugin_utils" "$core/plugins/modules" "$core/plugins/action" "$core"/images/{runner,virt_api,virt_handler,virt_launcher} \
    ansible_collections/operator_sdk/util/plugins
