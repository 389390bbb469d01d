"""Looking at a node's QEMU processes all the time, from before a story's trouble to its end.

In: namespace and name of a virtual machine. Out: every process id that was seen, and the most that were seen at one moment. Used by the stories that
end in "never two".
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ansible_collections.playvirt.core.tests.e2e import nodes

_PERIOD_SECONDS = 0.05


class QemuWatch:
    """A context manager; `most` and `pids` are right after its end too."""

    def __init__(self, namespace: str, *names: str) -> None:
        """Watch the virtual machines of these names."""
        self.most = dict.fromkeys(names, 0)
        self.pids: dict[str, set[int]] = {name: set() for name in names}
        self.count = 0
        self._namespace = namespace
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD_SECONDS):
            for name in self.most:
                found = {process.pid for process in nodes.qemus(self._namespace, name)}
                self.most[name] = max(self.most[name], len(found))
                self.pids[name] |= found
            self.count += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=30)
