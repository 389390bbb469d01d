"""What the engine is asked for and what it answers, whichever way a run is executed.

In: a `Job`. Out: a `RunResult`, made here from the `outcome` that `recorder.py` describes. Pure. Called by `engine.py`, which hands both names on,
and by the files behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings import durations

ENGINES = ("inline", "fork", "subprocess")
TaskSink = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One run: of a role, or of all plays of a playbook (an absolute path).

    Texts in `extra_vars`, which are an object's, are never templates; those in `variables`, which are the operator's own, are, and win over the
    others. `timeout` is in seconds. `environment` is set for the tasks; settings of ansible-core itself (ANSIBLE_*) are read once per process, so there
    they count with the engine `subprocess` only. `engine` None is the runner's own. `gather_facts` is for
    roles, a playbook says it itself. `artifacts` names the object (see `artifacts.py`), of whose runs
    the last `keep_artifacts` are kept, with 0 all. Raises ValueError for a job that cannot be meant.
    """

    role: str = ""
    playbook: str = ""
    extra_vars: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 600.0
    priority: int = 0
    verbosity: int = 0
    engine: str | None = None
    gather_facts: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    artifacts: str = ""
    keep_artifacts: int = 20

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if bool(self.role) == bool(self.playbook):
            raise ValueError("a job has a role or a playbook, one of the two")
        if self.playbook and not self.playbook.startswith("/"):
            raise ValueError(f"playbook '{self.playbook}': write its absolute path")
        if self.engine is not None and self.engine not in ENGINES:
            raise ValueError(f"engine '{self.engine}' is not one of {', '.join(ENGINES)}")

    @property
    def what(self) -> str:
        """The run in two words, for messages where no task can be named."""
        return f"playbook {self.playbook}" if self.playbook else f"role {self.role}"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task that failed the run and what it said."""

    task: str
    message: str


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended; `task` and `message` are those of the last failure, empty where it succeeded.

    `stats` has ansible's own names: ok, changed, failures, skipped, dark, rescued, ignored. `requeue_after` is the smallest period in seconds that
    `operator_sdk.util.requeue_after` asked for. `cancelled`: the run was ended because nobody wants it any more. `broke`: it did not come to its own
    end, so that no rescue of its own could tell (its worker crashed, it took too long).
    """

    ok: bool
    task: str = ""
    message: str = ""
    failures: tuple[Failure, ...] = ()
    stats: Mapping[str, int] = field(default_factory=dict)
    requeue_after: float | None = None
    cancelled: bool = False
    broke: bool = False
    duration: float = 0.0


def failed(task: str, message: str, *, cancelled: bool = False) -> RunResult:
    """The result of a run that did not come to its own end."""
    told = (Failure(task=task, message=message),)
    return RunResult(ok=False, task=task, message=message, failures=told, cancelled=cancelled, broke=not cancelled)


def judged(outcome: Mapping[str, Any]) -> RunResult:
    """The result of a run that ended by itself: {"code", "failures": [{"task", "msg"}], "stats", "periods"}."""
    failures = [Failure(task=f["task"], message=f["msg"]) for f in outcome["failures"]]
    periods: list[float] = []
    for text in outcome["periods"]:
        try:
            periods.append(durations.parse_duration(text))
        except ValueError as error:
            failures.append(Failure(task="requeue_after", message=f"period: {error}"))
    last = failures[-1] if failures else Failure(task="", message="")
    return RunResult(
        ok=not outcome["code"] and not failures,
        task=last.task,
        message=last.message,
        failures=tuple(failures),
        stats=outcome["stats"],
        requeue_after=min(periods, default=None),
    )
