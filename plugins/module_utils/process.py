"""The door to other programs: run one to its end, or say plainly why it failed.

In: an argument vector, a time limit, and where needed standard input. Out: what the program wrote. Called by everything outside the
pure rooms that needs a program (`ip`, `nft`, ...). A failure carries a command line that a person can paste into a shell, and the end
of what the program wrote to stderr; standard input may hold secrets and is never part of a message.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

STDERR_LIMIT = 2000
"""Characters of a program's stderr that a message keeps: its end, where programs say what went wrong."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that ended with code 0: its whole stdout and stderr, decoded as UTF-8 (undecodable bytes replaced)."""

    stdout: str
    stderr: str


def format_command(argv: Sequence[str]) -> str:
    """The vector as one line for a shell."""
    return shlex.join(argv)


def truncate(text: str, limit: int = STDERR_LIMIT) -> str:
    """The end of `text`, marked when something was cut off."""
    text = text.strip()
    return text if len(text) <= limit else "[...] " + text[-limit:]


def failure(
    argv: Sequence[str], *, returncode: int | None, stderr: str, timeout_seconds: float
) -> errors.CommandFailed:
    """The error for a program that ended with `returncode`, or with None did not end within `timeout_seconds`."""
    if returncode is None:
        ending = f"did not end within {timeout_seconds:g} s"
    elif returncode < 0:
        ending = f"was killed by signal {-returncode}"
    else:
        ending = f"ended with code {returncode}"
    words = truncate(stderr)
    message = f"`{format_command(argv)}` {ending}" + (f": {words}" if words else "")
    return errors.CommandFailed(message, returncode=returncode, stderr=words)


def not_started(argv: Sequence[str], error: OSError) -> errors.CommandFailed:
    """The error for a program that the kernel did not start."""
    return errors.CommandFailed(f"`{format_command(argv)}` did not start: {error.strerror or error}", returncode=None)


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run `argv` without a shell; `env`, when given, is the whole environment. Raises errors.CommandFailed.

    Without `stdin` the program reads from /dev/null. A program that outlives the limit is killed.
    """
    given = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            list(argv),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=timeout_seconds,
            env=None if env is None else dict(env),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        stderr = (error.stderr or b"").decode(errors="replace")
        raise failure(argv, returncode=None, stderr=stderr, timeout_seconds=timeout_seconds) from None
    except OSError as error:
        raise not_started(argv, error) from error
    stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise failure(argv, returncode=done.returncode, stderr=stderr, timeout_seconds=timeout_seconds)
    return Completed(stdout=stdout, stderr=stderr)
