"""The import of libvirt and the translation of its errors, against libvirt's own test driver."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings


def test_translated_keeps_code_and_message() -> None:
    libvirt = bindings.library()
    with pytest.raises(errors.HypervisorError, match=r"^connection to nowhere: ") as caught:
        with bindings.translated("connection to nowhere"):
            libvirt.open("nowhere:///")
    assert caught.value.code != 0
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)


def test_translated_passes_other_errors_on() -> None:
    with pytest.raises(ZeroDivisionError), bindings.translated("nothing"):
        _ = 1 // 0


@pytest.mark.parametrize(("name", "kind"), sorted(bindings.KINDS.items()))
def test_every_named_code_exists_in_libvirt(name: str, kind: type[errors.HypervisorError]) -> None:
    assert isinstance(getattr(bindings.library(), name), int)
    assert issubclass(kind, errors.HypervisorError)


def test_library_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "_LIBRARY", None)
    monkeypatch.setattr(bindings, "_IMPORT_ERROR", ImportError("No module named 'libvirt'"))
    with pytest.raises(errors.HypervisorError, match="install python3-libvirt"):
        bindings.library()


def test_errors_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.HypervisorError), bindings.translated("nothing"):
        bindings.library().open("nowhere:///")
    assert capfd.readouterr().err == ""
