"""Site rules in virt-api: asked, timed, and unable to take it down; and the worked example."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_api import site_rule_process
from ansible_collections.playvirt.core.plugins.module_utils.admission import site_rules
from ansible_collections.playvirt.core.plugins.plugin_utils.admission import naming_and_size

from . import scene
from .test_webhooks import vm, vmi

PLUGIN = """
    import os, sys, time

    def validate(obj, old):
        what = obj["metadata"]["annotations"]["do"]
        if what == "hang": time.sleep(60)
        if what == "exit": os._exit(3)
        if what == "raise": raise ValueError("broken")
        if what == "flood": return [{"field": "", "message": "x" * 2_000_000}]
        if what == "nonsense": return ["no"]
        if what == "print": print("talking"); sys.stdout.flush()
        obj.clear()
        return [{"field": "metadata.annotations", "message": f"no {what}"}]
"""

KUBEVIRT = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "KubeVirt",
    "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
    "spec": {"configuration": {"admission": {"siteRules": ["naming_and_size"]}}},
}


@pytest.fixture
def rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A site rule of a collection that the worker process can import."""
    package = tmp_path / "rules" / "ansible_collections" / "acme" / "rules" / "plugins" / "plugin_utils" / "admission"
    package.mkdir(parents=True)
    (package / "misbehave.py").write_text(textwrap.dedent(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'rules'}:{':'.join(path for path in sys.path if path)}")
    return "acme.rules.misbehave"


def doing(what: str) -> dict[str, Any]:
    return vmi(annotations={"do": what})


async def asked(rules: site_rule_process.SiteRules, name: str, what: str) -> str:
    (cause,) = await rules.ask([name], doing(what), None)
    return cause.message


async def test_a_rule_that_misbehaves_is_a_cause_and_nothing_else(rule: str) -> None:
    counted: list[str] = []
    rules = site_rule_process.SiteRules(timeout=0.5, rest=0.0, count=counted.append)
    try:
        assert await asked(rules, rule, "well") == "no well"
        assert await asked(rules, rule, "print") == "no print"
        assert counted == []
        for what, words in (
            ("raise", "failed: ValueError: broken; ask the cluster's administrator"),
            ("nonsense", "failed: TypeError: str is no cause"),
            ("exit", "ended its process"),
            ("flood", "ended its process"),
            ("hang", "took longer than 0.5 s"),
        ):
            assert words in await asked(rules, rule, what), what
            assert await asked(rules, rule, "well") == "no well"
        assert counted == [rule] * 5
        (cause,) = await rules.ask(["acme.rules.lost"], doing("well"), None)
        assert "cannot be loaded" in cause.message
    finally:
        await rules.close()


async def test_a_rule_that_hung_costs_the_next_ones_nothing(rule: str) -> None:
    rules = site_rule_process.SiteRules(timeout=0.3, rest=60.0)
    try:
        assert await asked(rules, rule, "well") == "no well"
        assert "took longer" in await asked(rules, rule, "hang")
        async with asyncio.timeout(0.2):
            assert "took longer" in await asked(rules, rule, "well")
    finally:
        await rules.close()


async def test_slow_rules_let_nobody_wait_without_end(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = site_rule_process.SiteRules(timeout=30.0, together=60.0)
    try:
        assert await asked(rules, rule, "well") == "no well"
        with monkeypatch.context() as short:
            short.setattr(rules, "_together", 0.3)
            async with asyncio.timeout(20):
                told = await asyncio.gather(*(asked(rules, rule, what) for what in ("hang", "well", "well")))
        assert all("could not be asked within 0.3 s" in message for message in told)
        assert await asked(rules, rule, "print") == "no print"
    finally:
        await rules.close()


async def test_a_question_that_is_given_up_leaves_no_answer_for_the_next(rule: str) -> None:
    rules = site_rule_process.SiteRules(timeout=5.0)
    try:
        assert await asked(rules, rule, "well") == "no well"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asked(rules, rule, "hang")
        assert await asked(rules, rule, "print") == "no print"
    finally:
        await rules.close()


async def test_virt_api_asks_the_rules_that_the_kubevirt_lists(tmp_path: Path) -> None:
    async with scene.running(tmp_path, KUBEVIRT) as s:
        response = await s.ask("/validate", scene.review(vm()))
        assert [cause["field"] for cause in response["status"]["details"]["causes"]] == [
            "metadata.name",
            "metadata.labels",
        ]
        assert (await s.ask("/validate", scene.review(vmi())))["allowed"] is True
        old = vm()
        new = {**old, "spec": {**old["spec"], "runStrategy": "Halted"}}
        update = scene.review(new, operation="UPDATE", oldObject=old)
        assert (await s.ask("/validate", update))["allowed"] is True


def oldest(*, sockets: int) -> dict[str, Any]:
    """A machine in the oldest form, with its domain directly in spec, that keeps to every rule but that for its size."""
    machine = vm("root", "v1alpha1")
    machine["metadata"] |= {"name": "web-shop-01", "labels": {"example.com/owner": "web"}}
    machine["spec"] = machine["spec"]["template"]["spec"]
    machine["spec"]["domain"]["cpu"] = {"sockets": sockets}
    return machine


async def test_the_oldest_form_goes_around_no_rule(tmp_path: Path) -> None:
    async with scene.running(tmp_path, KUBEVIRT) as s:
        response = await s.ask("/validate", scene.review(oldest(sockets=17)))
        (cause,) = response["status"]["details"]["causes"]
        field = "spec.domain.cpu.sockets"
        assert (cause["field"], cause["message"]) == (field, f"{field}: 17 virtual CPUs, and we give 16")
        assert (await s.ask("/validate", scene.review(oldest(sockets=16))))["allowed"] is True
        grown = scene.review(oldest(sockets=17), operation="UPDATE", oldObject=oldest(sockets=16))
        assert (await s.ask("/validate", grown))["allowed"] is False
        as_large_as_before = scene.review(oldest(sockets=17), operation="UPDATE", oldObject=oldest(sockets=17))
        assert (await s.ask("/validate", as_large_as_before))["allowed"] is True


def test_the_example_knows_names_owners_and_sizes() -> None:
    def told(**changes: Any) -> list[str]:
        obj = vm()
        obj["metadata"] = {"name": "web-shop-01", "labels": {"example.com/owner": "web"}, **changes.pop("meta", {})}
        obj["spec"]["template"]["spec"]["domain"] |= changes
        return [cause.field for cause in naming_and_size.validate(obj, None)]

    assert told() == []
    assert told(meta={"name": "shop"}) == ["metadata.name"]
    assert told(meta={"labels": {}}) == ["metadata.labels"]
    assert told(cpu={"sockets": 17}) == ["spec.template.spec.domain.cpu.sockets"]
    assert told(cpu={"sockets": 16}) == []
    assert told(memory={"guest": "65Gi"}) == ["spec.template.spec.domain.memory.guest"]
    assert told(memory={"guest": "64Gi"}) == []
    assert naming_and_size.validate(vmi(), None) == []


def test_when_rules_are_asked_and_what_an_update_did_not_change() -> None:
    old = vm()
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    assert site_rules.is_asked("VirtualMachine", old, None)
    assert not site_rules.is_asked("KubeVirt", old, None)
    assert not site_rules.is_asked("VirtualMachine", old, {**old, "status": {}})
    assert site_rules.is_asked("VirtualMachine", labelled, old)
    leaving = {**labelled, "metadata": {**labelled["metadata"], "deletionTimestamp": "x"}}
    assert not site_rules.is_asked("VirtualMachine", leaving, old)
    causes = [site_rules.Cause(field, "x") for field in ("metadata.labels", "metadata.name", "spec.a[0].b", "")]
    kept = site_rules.changed(causes, labelled, old)
    assert [cause.field for cause in kept] == ["metadata.labels", ""]
    assert site_rules.changed(causes, old, None) == causes
