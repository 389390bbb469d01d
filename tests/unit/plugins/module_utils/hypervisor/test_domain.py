"""Domain verbs and words, against libvirt's test driver and libvirt's constants."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection, domain


def state(name: str, reason: str = "") -> domain.DomainState:
    return domain.DomainState(state=name, reason=reason)


def test_life_of_a_domain(conn: connection.Connection, domain_name: str, domain_xml: str) -> None:
    assert domain.get_state(conn, domain_name) == state("absent")
    assert domain.define(conn, domain_xml) == domain_name
    assert domain_name in domain.names(conn)
    assert domain.get_state(conn, domain_name).state == "shutoff"
    domain.create(conn, domain_name)
    assert domain.get_state(conn, domain_name) == state("running", "booted")
    domain.suspend(conn, domain_name)
    assert domain.get_state(conn, domain_name) == state("paused", "user")
    domain.resume(conn, domain_name)
    assert domain.get_state(conn, domain_name) == state("running", "unpaused")
    domain.destroy(conn, domain_name)
    assert domain.get_state(conn, domain_name) == state("shutoff", "destroyed")
    domain.undefine(conn, domain_name)
    assert domain.get_state(conn, domain_name) == state("absent")


def test_define_again_changes_the_definition_of_a_running_domain(
    conn: connection.Connection, domain_name: str, domain_xml: str
) -> None:
    domain.define(conn, domain_xml)
    domain.create(conn, domain_name)
    domain.define(conn, domain_xml.replace("<vcpu>1<", "<vcpu>2<"))
    assert "<vcpu placement='static'>1</vcpu>" in domain.get_xml(conn, domain_name)
    assert "<vcpu placement='static'>2</vcpu>" in domain.get_xml(conn, domain_name, inactive=True)
    domain.destroy(conn, domain_name)
    domain.undefine(conn, domain_name)


def test_shutdown_presses_the_acpi_button() -> None:
    class Found:
        flags: list[int] = []  # noqa: RUF012

        def shutdownFlags(self, flags: int) -> None:
            self.flags.append(flags)

    class Connection:
        def lookupByName(self, name: str) -> Found:
            assert name == "default_vm"
            return Found()

    domain.shutdown(Connection(), "default_vm")
    assert Found.flags == [bindings.library().VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN]


def test_destroy_of_a_domain_that_is_off_is_operation_invalid(
    conn: connection.Connection, domain_name: str, domain_xml: str
) -> None:
    domain.define(conn, domain_xml)
    with pytest.raises(errors.OperationInvalid, match=f"destroy of domain {domain_name}: "):
        domain.destroy(conn, domain_name)
    domain.undefine(conn, domain_name)


@pytest.mark.parametrize(
    "verb",
    [domain.create, domain.shutdown, domain.destroy, domain.suspend, domain.resume, domain.undefine, domain.get_xml],
)
def test_verbs_on_an_absent_domain(conn: connection.Connection, verb: object) -> None:
    assert callable(verb)
    with pytest.raises(errors.DomainNotFound, match="lookup of domain no_such"):
        verb(conn, "no_such")


def test_define_of_nonsense(conn: connection.Connection) -> None:
    with pytest.raises(errors.HypervisorError, match="define of a domain: "):
        domain.define(conn, "<domain/>")


def constants(prefix: str) -> dict[str, int]:
    """libvirt's constants with a prefix, without the ones that only count."""
    found = vars(bindings.library()).items()
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in found
        if name.startswith(prefix) and not name.endswith("_LAST")
    }


@pytest.mark.parametrize("number", sorted(domain.STATES))
def test_states_are_libvirts_numbers(number: int) -> None:
    assert getattr(bindings.library(), f"VIR_DOMAIN_{domain.STATES[number].upper()}") == number


@pytest.mark.parametrize(("name", "words"), sorted(domain.REASONS.items()))
def test_reasons_are_libvirts_numbers(name: str, words: tuple[str, ...]) -> None:
    known = constants(f"VIR_DOMAIN_{name.upper()}_")
    for number, word in enumerate(words):
        assert known.get(word, number) == number
    assert len(set(words)) == len(words)


def test_state_of_a_newer_libvirt() -> None:
    assert domain.state_of(1, 99) == state("running")
    assert domain.state_of(42, 0) == state("42")
