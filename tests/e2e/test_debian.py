"""The debian guest: a real distribution with cloud-init, as people run it.

In scope: it boots, cloud-init applies its data, its user logs in on the console. Not in scope: sshd and the guest agent.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "debian"
BOOT_SECONDS = 900
USER_DATA = """#cloud-config
hostname: navy
user: grace
password: nanosecond
chpasswd: {expire: false}
"""


def test_debian_with_cloud_init(namespace: namespaces.Namespace) -> None:
    """The user of cloud-init's data logs in with the password, on a machine of the name given there."""
    namespace.apply(machines.machine(NAME, image=machines.DEBIAN_IMAGE, memory="512Mi", user_data=USER_DATA))
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("grace", "nanosecond", seconds=BOOT_SECONDS)
        # systemd and cloud-init still write on the same console.
        assert "navy" in console.run("hostname").splitlines()
        assert 'NAME="Debian GNU/Linux"' in console.run("cat /etc/os-release")
        assert "inet 10.0.2.2/24" in console.run("ip -4 address show")
