"""The command line."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import __main__ as program
from ansible_collections.playvirt.core.images.virt_launcher import console_log, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import launcher_paths

RUN = ["run", "--namespace", "default", "--name", "one", "--uid", "aa-11"]


def test_run_options_and_their_defaults() -> None:
    options = program.parse_arguments(RUN)
    assert (options.namespace, options.name, options.uid) == ("default", "one", "aa-11")
    assert (options.grace_period_seconds, options.fence_seconds) == (30.0, 120.0)
    given = program.parse_arguments([*RUN, "--grace-period-seconds", "0", "--fence-seconds", "5.5"])
    assert (given.grace_period_seconds, given.fence_seconds) == (0.0, 5.5)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["run"],
        ["fly"],
        [*RUN, "--fence-seconds", "-1"],
        [*RUN, "--grace-period-seconds", "soon"],
        [*RUN, "--fence-seconds", "nan"],
        ["console-log", "--uid", "../x"],
        ["probe-capabilities"],
    ],
)
def test_wrong_arguments_end_with_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(argv)
    assert caught.value.code == 2
    assert "virt-launcher" in capsys.readouterr().err


def test_console_log_becomes_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("os.execv", lambda path, argv: executed.append((path, argv)))
    program.main(["console-log", "--uid", "aa-11"])
    assert executed == [
        (
            "/bin/bash",
            [
                "bash",
                console_log.SCRIPT,
                "/var/run/kubevirt-private/aa-11/alive",
                "/var/run/kubevirt-private/aa-11/virt-serial0-log",
            ],
        )
    ]


def test_paths_of_volumes_are_those_of_the_pod() -> None:
    assert launcher_paths.container_disk(0).startswith(paths.CONTAINER_DISKS + "/")
    assert launcher_paths.directory("a").startswith(paths.VOLUMES + "/")
    assert launcher_paths.content("a").startswith(paths.CONTENTS + "/")
    assert launcher_paths.cloud_init("a", "userdata").startswith(paths.CLOUD_INIT + "/")
    assert launcher_paths.device("a").startswith(paths.DEVICES + "/")
    for made in (
        launcher_paths.disk("a"),
        launcher_paths.iso_image("a"),
        launcher_paths.cloud_init_image("ns", "a", "noCloud.iso"),
    ):
        assert made.startswith(paths.EPHEMERAL_DISKS + "/")


def test_paths_of_a_vmi() -> None:
    assert paths.alive_lock("aa") == "/var/run/kubevirt-private/aa/alive"
    assert paths.serial_log("aa") == "/var/run/kubevirt-private/aa/virt-serial0-log"
