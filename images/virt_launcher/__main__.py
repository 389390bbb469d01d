"""virt-launcher's command line: arguments, and for `run` an early start of libvirtd.

    virt-launcher run --namespace NS --name VMI --uid UID [--grace-period-seconds N] [--fence-seconds F]
    virt-launcher console-log --uid UID
    virt-launcher console
    virt-launcher probe --domain NAME [--timeout-seconds N] guest-agent-ping
    virt-launcher probe --domain NAME [--timeout-seconds N] exec -- PROGRAM [ARGUMENT ...]
    virt-launcher probe-capabilities --output DIR

`run` is PID 1 of container compute, `console-log` of container guest-console-log. `probe` is what the kubelet starts in compute for a probe of the guest,
`probe-capabilities` an init container of virt-handler. Parts are imported where they are used: libvirtd starts while Python still loads what `run` needs.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys

from ansible_collections.playvirt.core.plugins.module_utils.api import fencing

_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,62}")


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """The subcommand and its options. Ends the process with code 2 and a message when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="virt-launcher", description="PID 1 of a virtual machine's pod.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run libvirtd and watch the virtual machine")
    run.add_argument("--namespace", required=True, help="namespace of the VirtualMachineInstance")
    run.add_argument("--name", required=True, help="name of the VirtualMachineInstance")
    run.add_argument("--uid", required=True, type=_uid, help="uid of the VirtualMachineInstance")
    run.add_argument("--grace-period-seconds", type=_seconds, default=30.0, help="the guest's time to shut down")
    fence = float(fencing.FENCE_SECONDS)
    run.add_argument("--fence-seconds", type=_seconds, default=fence, help="longest life of QEMU without virt-handler")
    console = commands.add_parser("console-log", help="print the guest's serial console until the launcher ends")
    console.add_argument("--uid", required=True, type=_uid, help="uid of the VirtualMachineInstance")
    commands.add_parser("console", help="the guest's serial console on this terminal")
    _add_probe(commands.add_parser("probe", help="ask the guest's agent, with exit code 0 where the guest is well"))
    capabilities = commands.add_parser("probe-capabilities", help="write libvirt's capability cache of this QEMU")
    capabilities.add_argument("--output", required=True, help="directory for the cache")
    return parser.parse_args(argv)


def _add_probe(probe: argparse.ArgumentParser) -> None:
    """The options of `probe`, and its two ways."""
    probe.add_argument("--domain", required=True, help="name of the domain")
    probe.add_argument("--timeout-seconds", type=_seconds, default=1.0, help="the guest's time to answer")
    ways = probe.add_subparsers(dest="way", required=True)
    ways.add_parser("guest-agent-ping", help="ask the agent whether it is there")
    program = ways.add_parser("exec", help="run a program in the guest")
    program.add_argument("program", nargs="+", help="the program and its arguments, after --")


def main(argv: list[str]) -> int:
    """Do the subcommand; returns the exit code."""
    options = parse_arguments(argv)
    match options.command:
        case "run":
            _run(options)
        case "console-log":
            from ansible_collections.playvirt.core.images.virt_launcher import console_log

            console_log.follow(options.uid)
        case "console":
            from ansible_collections.playvirt.core.images.virt_launcher import console

            return console.main()
        case "probe":
            from ansible_collections.playvirt.core.images.virt_launcher import probe

            program = options.program if options.way == "exec" else ()
            return probe.main(options.domain, program, timeout_seconds=options.timeout_seconds)
        case "probe-capabilities":
            from ansible_collections.playvirt.core.images.virt_launcher import capabilities

            return capabilities.main(options.output)
    return 0


def _run(options: argparse.Namespace) -> None:
    """Start libvirtd, then everything else."""
    os.umask(0o077)
    # Nothing here speaks TLS: without OpenSSL, which asyncio and hashlib would load, a launcher is several MiB smaller and starts sooner.
    for module in ("ssl", "_hashlib"):
        sys.modules[module] = None  # type: ignore[assignment]
    # The kernel drops a signal that PID 1 has no handler for; nothing can have been started yet that would need more.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    from ansible_collections.playvirt.core.images.virt_launcher import libvirtd, paths

    env = libvirtd.prepare(paths.LIBVIRT)
    emulation = not os.path.exists(paths.KVM)
    libvirtd.copy_capability_cache(f"{paths.CAPABILITIES}/qemu", paths.LIBVIRT, emulation=emulation)
    listener = libvirtd.listen(paths.LIBVIRT)
    pid = libvirtd.spawn(listener, env)

    from ansible_collections.playvirt.core.images.virt_launcher import alive

    alive.hold(paths.alive_lock(options.uid))

    from ansible_collections.playvirt.core.images.virt_launcher import greeting

    identity = {"namespace": options.namespace, "name": options.name, "uid": options.uid}
    greeted = greeting.greet(paths.HANDLER_SOCKET, identity)

    from ansible_collections.playvirt.core.images.virt_launcher import run

    run.run(
        run.Options(
            identity=identity,
            grace_period_seconds=options.grace_period_seconds,
            fence_seconds=options.fence_seconds,
        ),
        listener=listener,
        env=env,
        libvirtd_pid=pid,
        greeted=greeted,
    )


def _uid(text: str) -> str:
    """A uid, which becomes part of a path."""
    if not _UID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no uid of a Kubernetes object")
    return text


def _seconds(text: str) -> float:
    """Seconds, not negative."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
