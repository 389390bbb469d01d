"""A guest as a person at its serial console sees it: log in, type a command, read what it prints.

In: the launcher pod. Out: the text of the console. Behind it is `kubectl exec POD -- virt-launcher console`, the same that a user types.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from ansible_collections.playvirt.core.tests.e2e import cluster as clusters

_NUDGE_SECONDS = 3.0
_CHUNK = 65536
#: what terminals are told beside text: colours, where the cursor is
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
#: what a kernel tells on its console whenever it has something to tell, such as that its processor was held up
_KERNEL = re.compile(r"^\[ *\d+\.\d+\] .*\n?", re.MULTILINE)


class Guest:
    """An open console; a context manager, which logs out at its end."""

    def __init__(self, cluster: clusters.Cluster, namespace: str, pod: str) -> None:
        """Connect. The console takes one client at a time."""
        self._what = f"console of {namespace}/{pod}"
        argv = ["kubectl", "exec", "--namespace", namespace, "--stdin", pod, "--container=compute", "--"]
        self._process = subprocess.Popen(
            [*argv, "virt-launcher", "console"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=cluster.environment,
        )
        self._text = ""
        self._commands = 0
        self._has_news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._commands and self._process.poll() is None:
            self._type("exit\n")
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(timeout=10)
        self._reader.join(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := self._process.stdout.raw.read(_CHUNK):  # type: ignore[attr-defined]
            with self._has_news:
                self._text = _CONTROL.sub("", self._text + chunk.decode(errors="replace"))
                self._has_news.notify_all()

    def _type(self, text: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(f"the {self._what} has ended; it printed:\n{self._text}") from None

    def expect(self, pattern: str, seconds: float, *, nudge: str = "") -> re.Match[str]:
        """The first match in what was not matched before; the text up to its end is taken away. `nudge` is typed now and then."""
        compiled = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + seconds
        with self._has_news:
            while not (match := compiled.search(self._text)):
                left = deadline - time.monotonic()
                assert left > 0, f"the {self._what} did not print {pattern!r} within {seconds:g} s, but:\n{self._text}"
                assert self._reader.is_alive(), f"the {self._what} has ended; it printed:\n{self._text}"
                if not self._has_news.wait(min(left, _NUDGE_SECONDS)) and nudge:
                    self._type(nudge)
            self._text = self._text[match.end() :]
            return match

    def log_in(self, user: str, password: str, *, seconds: float = 300) -> None:
        """Log in at the prompt, which the guest has to reach in time."""
        self._type("\n")
        self.expect(r"login: \Z", seconds, nudge="\n")
        self._type(f"{user}\n")
        self.expect(r"[Pp]assword: ", 120)
        self._type(f"{password}\n")
        # What a guest that still boots prints behind the prompt hides it; an empty line has it printed once more.
        answer = self.expect(r"[$#] \Z|incorrect", 120, nudge="\n")
        assert answer.group() != "incorrect", f"{self._what}: user {user} cannot log in"
        # From here the guest reads lines without echo and without an editor that repaints them.
        # It says so once it does; the quotes keep the echo of this very line from saying it.
        self._type('stty -echo; echo "listen"ing; while IFS= read -r line; do eval "$line"; done\n')
        self.expect(r"^listening$", 120)

    def run(self, command: str, *, seconds: float = 180, check: bool = True) -> str:
        """What a command prints, on both outputs, without spaces at its end and without what the guest's kernel tells meanwhile."""
        self._commands += 1
        mark = f"mark-{self._commands}"
        self._type(f"{{ {command} ; }} 2>&1; echo '{mark}':$?\n")
        ended = self.expect(rf"^(?P<output>(?:.*\n)*?.*){mark}:(?P<code>\d+)$", seconds)
        assert not check or ended["code"] == "0", f"{self._what}: {command}: code {ended['code']}: {ended['output']}"
        return _KERNEL.sub("", ended["output"]).strip()
