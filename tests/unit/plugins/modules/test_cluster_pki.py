"""Module cluster_pki: what it makes, keeps and renews."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import cluster_pki

NODE = {
    "name": "node01",
    "authority": "cluster",
    "common_name": "system:node:node01",
    "organizations": ["system:nodes"],
    "names": ["100.64.0.11"],
}


def keep(directory: pathlib.Path, *, check_mode: bool = False, **changes: Any) -> list[str]:
    params = {
        "directory": str(directory),
        "authorities": ["cluster"],
        "certificates": [NODE],
        "key_pairs": ["service-account"],
        "days": 100,
        "renew_days": 30,
        **changes,
    }
    result = cluster_pki.run(params, check_mode=check_mode)
    assert result["changed"] is bool(result["made"])
    made: list[str] = result["made"]
    return made


def test_makes_everything_once(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "pki"
    assert keep(directory) == ["cluster", "node01", "service-account"]
    assert keep(directory) == []
    names = ["cluster.crt", "cluster.key", "node01.crt", "node01.key", "service-account.key", "service-account.pub"]
    assert sorted(path.name for path in directory.iterdir()) == names
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_another_address_makes_only_that_certificate(tmp_path: pathlib.Path) -> None:
    keep(tmp_path)
    assert keep(tmp_path, certificates=[{**NODE, "names": ["100.65.0.11"]}]) == ["node01"]


def test_a_certificate_near_its_end_is_renewed(tmp_path: pathlib.Path) -> None:
    keep(tmp_path)
    assert keep(tmp_path, renew_days=101) == ["node01"]


def test_a_lost_authority_takes_its_certificates_with_it_and_keeps_key_pairs(tmp_path: pathlib.Path) -> None:
    keep(tmp_path)
    (tmp_path / "cluster.key").unlink()
    assert keep(tmp_path) == ["cluster", "node01"]


def test_check_mode_makes_nothing(tmp_path: pathlib.Path) -> None:
    assert keep(tmp_path / "pki", check_mode=True) == ["cluster", "node01", "service-account"]
    assert not (tmp_path / "pki").exists()


def test_an_unknown_authority_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InvalidObject, match="certificate node01: authority 'other' is not among authorities"):
        keep(tmp_path, certificates=[{**NODE, "authority": "other"}])
