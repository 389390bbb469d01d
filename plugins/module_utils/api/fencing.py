"""T_fence: how long a guest may run without its node's virt-handler being in touch with the API server.

A launcher that is renewed by nobody for so long turns its guest off; only later may the guest be started elsewhere. Short means that a VM is back
sooner when its node dies; long means that an API server which is away or slow for a while costs no guest. The launcher's command line, virt-handler
and the planners take it from here.
"""

from __future__ import annotations

FENCE_SECONDS = 120
