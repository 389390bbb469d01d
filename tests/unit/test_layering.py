"""The order of the rooms, as code: who may import whom, which rooms are pure, which doors are the only ones, and how long things may be.

docs/architecture.md tells the same in words.
"""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CORE = "ansible_collections.playvirt.core."
LIBRARY = ROOT / "plugins" / "module_utils"

#: room -> the rooms of the library that it may import
MAY_IMPORT = {
    "api": {"api"},
    "conversion": {"api", "conversion"},
    "admission": {"api", "conversion", "admission"},
    "pod": {"api", "pod"},
    "domain": {"api", "domain"},
    "network": {"api", "network"},
    "reconcile": {"api", "pod", "domain", "installation", "reconcile"},
    "installation": {"api", "installation"},
    "k8s": {"api", "k8s"},
    "hypervisor": {"api", "hypervisor"},
    "cluster": {"api", "cluster", "process.py", "cgroup.py"},
}
RUNNER = ROOT / "images" / "runner"
#: room of the runner -> the rooms that it may import, in order: nothing imports what stands below it
RUNNER_MAY_IMPORT: dict[str, set[str]] = {
    "telemetry": set(),
    "api": {"telemetry"},
    "watching": {"telemetry", "api"},
    "settings": {"api", "watching"},
    "access": {"telemetry", "api", "watching", "settings"},
    "engine": {"telemetry", "settings"},
    "turns": {"telemetry", "api", "watching", "settings", "access", "engine"},
}
PURE = ("api", "conversion", "admission", "pod", "domain", "network", "reconcile", "installation")
FORBIDDEN_IN_PURE = {"os", "socket", "subprocess", "time", "random", "logging", "ansible", "threading", "asyncio"}
#: an outside thing -> the only places that may import it (path prefixes from the repository's root)
DOORS = {
    "libvirt": ("plugins/module_utils/hypervisor/bindings.py",),
    "libvirt_qemu": ("plugins/module_utils/hypervisor/bindings.py",),
    "kubernetes": ("plugins/module_utils/k8s/kubernetes_transport.py",),
    "xml": (
        "plugins/module_utils/api/additions.py",
        "plugins/module_utils/domain/",
        "plugins/module_utils/hypervisor/",
    ),
    "subprocess": ("plugins/module_utils/process.py", "plugins/module_utils/cluster/", "images/"),
    "aiohttp": ("images/runner/", "images/virt_api/"),
    "grpc": ("images/virt_handler/",),
    "pycdlib": ("images/virt_launcher/",),
}
#: what the runner has that any process needs to talk to the API server and to be watched
SHARED = {
    "api.api_client",
    "api.credentials",
    "settings.durations",
    "telemetry.health",
    "telemetry.log",
    "watching.cache",
    "watching.watcher",
}
FILE_LINES, FUNCTION_LINES, ARGUMENTS = 400, 60, 6
VAGUE_NAMES = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "manager.py"}


def _sources(*folders: str) -> list[pathlib.Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")))


SOURCES = _sources("plugins", "images")


def _imports(path: pathlib.Path) -> Iterator[str]:
    """Every module that the file imports, in full; `from package import name` counts as package.name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = [CORE + ".".join(path.parents[node.level - 1].relative_to(ROOT).parts)] if node.level else []
            package = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{package}.{alias.name}" for alias in node.names)


def _relative(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _room(module: str) -> str | None:
    """The room of the library that a module lies in."""
    prefix = CORE + "plugins.module_utils."
    if not module.startswith(prefix):
        return None
    first = module.removeprefix(prefix).split(".")[0]
    return f"{first}.py" if (LIBRARY / f"{first}.py").exists() else first


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", [path for path in SOURCES if LIBRARY in path.parents], ids=_relative)
def test_rooms_import_downward_only(path: pathlib.Path) -> None:
    room = path.relative_to(LIBRARY).parts[0]
    if room.endswith(".py"):
        allowed = {"api", room}
    else:
        assert room in MAY_IMPORT, (
            f"room {room} has no place in the order: give it one here and in docs/architecture.md"
        )
        allowed = MAY_IMPORT[room]
    wrong = {_room(module) for module in _imports(path)} - allowed - {None}
    assert not wrong, f"{_relative(path)} imports from {sorted(map(str, wrong))}"
    outward = [module for module in _imports(path) if module.startswith(CORE) and _room(module) is None]
    assert not outward, f"{_relative(path)} imports from outside the library: {outward}"


def _room_of_the_runner(module: str) -> str | None:
    """The room of the runner that a module lies in; `` for what lies above the rooms, None for what is not the runner's."""
    prefix = CORE + "images.runner."
    if not module.startswith(prefix):
        return None
    first = module.removeprefix(prefix).split(".")[0]
    return first if (RUNNER / first).is_dir() else ""


@pytest.mark.parametrize(
    "path", [p for room in RUNNER_MAY_IMPORT for p in _sources(f"images/runner/{room}")], ids=_relative
)
def test_rooms_of_the_runner_import_downward_only(path: pathlib.Path) -> None:
    room = path.relative_to(RUNNER).parts[0]
    imported = set(_imports(path))
    wrong = {_room_of_the_runner(module) for module in imported} - RUNNER_MAY_IMPORT[room] - {room, None}
    assert not wrong, f"{_relative(path)} imports from {sorted(map(str, wrong))}"
    ansible = {module for module in imported if module.split(".")[0] == "ansible"}
    assert room == "engine" or not ansible, f"{_relative(path)} imports {sorted(ansible)}; only the engine may"


def test_every_room_of_the_runner_has_its_place() -> None:
    assert {path.parent.name for path in RUNNER.glob("*/__init__.py")} == set(RUNNER_MAY_IMPORT)
    order = list(RUNNER_MAY_IMPORT)
    assert all(order.index(below) < order.index(room) for room in order for below in RUNNER_MAY_IMPORT[room])
    assert {path.stem for path in RUNNER.glob("*.py")} == {"__init__", "__main__", "runner", "services"}


@pytest.mark.parametrize("path", [p for room in PURE for p in _sources(f"plugins/module_utils/{room}")], ids=_relative)
def test_pure_rooms_touch_nothing(path: pathlib.Path) -> None:
    wrong = {module.split(".")[0] for module in _imports(path)} & FORBIDDEN_IN_PURE
    assert not wrong, f"{_relative(path)} is in a pure room and imports {sorted(wrong)}"


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_outside_things_have_one_door(path: pathlib.Path) -> None:
    for module in _imports(path):
        doors = DOORS.get(module.split(".")[0])
        assert doors is None or _relative(path).startswith(doors), (
            f"{_relative(path)} imports {module}; only {doors} may"
        )


@pytest.mark.parametrize("path", _sources("images"), ids=_relative)
def test_processes_do_not_import_each_other(path: pathlib.Path) -> None:
    own = path.relative_to(ROOT / "images").parts[0]
    for module in _imports(path):
        if module.startswith(CORE + "images."):
            process, _, name = module.removeprefix(CORE + "images.").partition(".")
            assert process == own or (own == "virt_api" and process == "runner" and name in SHARED), module


@pytest.mark.parametrize("path", _sources("plugins/modules", "plugins/module_utils"), ids=_relative)
def test_the_library_does_not_know_the_processes(path: pathlib.Path) -> None:
    assert not [module for module in _imports(path) if module.startswith(CORE + "images")]


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_budgets(path: pathlib.Path) -> None:
    assert path.name not in VAGUE_NAMES, "such a name means that the room was not found yet"
    text = path.read_text()
    tree = ast.parse(text)
    documentation = sum(
        node.value.value.count("\n")
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    )
    assert text.count("\n") - documentation <= FILE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} is {length} lines long"
            taken = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in taken if name not in ("self", "cls")])
            assert count <= ARGUMENTS, f"{node.name} takes {count} arguments"


def test_module_docstrings() -> None:
    silent = [
        _relative(path)
        for path in SOURCES
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_the_standard_library_is_not_shadowed() -> None:
    assert not [
        _relative(path) for path in SOURCES if path.parent.name == "images" and path.stem in sys.stdlib_module_names
    ]
