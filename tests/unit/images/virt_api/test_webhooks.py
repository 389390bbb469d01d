"""virt-api's webhooks over TLS: what they answer, and that nothing that is sent takes them down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_api import server

from . import scene

OWN = "system:serviceaccount:kubevirt:kubevirt-controller"


def vmi(disk: str = "root", **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "guest", "namespace": "ns", **meta},
        "spec": {
            "domain": {"devices": {"disks": [{"name": disk, "disk": {}}]}, "memory": {"guest": "64Mi"}},
            "volumes": [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}],
        },
    }


def vm(disk: str = "root", version: str = "v1") -> dict[str, Any]:
    inner = vmi(disk)["spec"]
    if version == "v1alpha1":
        inner["volumes"][0] = {"name": "root", "registryDisk": inner["volumes"][0]["containerDisk"]}
        inner["domain"]["devices"]["disks"][0] |= {"name": "first", "volumeName": disk}
    return {
        "apiVersion": f"kubevirt.io/{version}",
        "kind": "VirtualMachine",
        "metadata": {"name": "machine", "namespace": "ns"},
        "spec": {"runStrategy": "Always", "template": {"spec": inner}},
    }


def preset(name: str, domain: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstancePreset",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"selector": {"matchLabels": {"size": "small"}}, "domain": domain},
    }


async def test_a_wrong_object_is_refused_with_its_field(tmp_path: Path) -> None:
    async with scene.running(tmp_path) as s:
        response = await s.ask("/validate", scene.review(vm("registryvolume")))
        assert response["allowed"] is False
        status = response["status"]
        field = "spec.template.spec.domain.devices.disks[0].name"
        assert status["message"] == f"{field} 'registryvolume' not found."
        assert (status["code"], status["reason"]) == (422, "Invalid")
        assert status["details"] == {
            "name": "machine",
            "group": "kubevirt.io",
            "kind": "VirtualMachine",
            "causes": [{"reason": "FieldValueInvalid", "message": status["message"], "field": field}],
        }
        assert await s.ask("/validate", scene.review(vm())) == {"uid": "u-1", "allowed": True}


async def test_the_oldest_version_is_answered_in_its_own_words(tmp_path: Path) -> None:
    async with scene.running(tmp_path) as s:
        response = await s.ask("/validate", scene.review(vm("registryvolume", "v1alpha1")))
        field = "spec.template.spec.domain.devices.disks[0].volumeName"
        assert response["status"]["message"] == f"{field} 'registryvolume' not found."
        assert response["status"]["details"]["causes"][0]["field"] == field
        assert (await s.ask("/validate", scene.review(vm("root", "v1alpha1"))))["allowed"]
        assert await s.ask("/mutate", scene.review(vm("root", "v1alpha1"))) == {"uid": "u-1", "allowed": True}


async def test_an_instance_gets_presets_and_defaults(tmp_path: Path) -> None:
    async with scene.running(tmp_path, preset("small", {"cpu": {"cores": 2}, "memory": {"guest": "32Mi"}})) as s:
        posted = vmi(labels={"size": "small"})
        response = await s.ask("/mutate", scene.review(posted))
        patch = {operation["path"]: operation.get("value") for operation in response["patch"]}
        assert patch["/spec/domain/cpu"]["cores"] == 2
        assert patch["/metadata/annotations"] == {"virtualmachinepreset.kubevirt.io/small": "kubevirt.io/v1"}
        assert "/spec/domain/memory/guest" not in patch
        assert response["warnings"] == [
            "spec.domain.memory.guest '64Mi' overrides VirtualMachineInstancePreset 'small', which says '32Mi'"
        ]
        s.api.put(preset("other", {"cpu": {"cores": 4}}))
        for _ in range(100):
            response = await s.ask("/mutate", scene.review(posted))
            if not response["allowed"]:
                break
            await asyncio.sleep(0.02)
        assert "'other' and 'small'" in response["status"]["message"]


async def test_who_and_what_is_let_through(tmp_path: Path) -> None:
    async with scene.running(tmp_path) as s:
        wrong, leaving = vmi("lost"), vmi("lost", deletionTimestamp="2026-01-01T00:00:00Z")
        update = {"operation": "UPDATE", "oldObject": vmi()}
        assert not (await s.ask("/validate", scene.review(wrong)))["allowed"]
        assert not (await s.ask("/validate", scene.review(wrong, **update)))["allowed"]
        assert (await s.ask("/validate", scene.review(leaving, **update)))["allowed"]
        assert (await s.ask("/validate", scene.review(wrong, **update, subResource="status")))["allowed"]
        assert (await s.ask("/validate", scene.review(wrong, operation="DELETE", object=None)))["allowed"]
        own = {"userInfo": {"username": OWN}}
        assert not (await s.ask("/validate", scene.review(wrong, **own)))["allowed"]


async def test_a_migration_is_judged_by_what_is_there_now(tmp_path: Path) -> None:
    migration = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "move", "namespace": "ns"},
        "spec": {"vmiName": "guest"},
    }
    async with scene.running(tmp_path) as s:
        response = await s.ask("/validate", scene.review(migration))
        assert 'the VMI "ns/guest" does not exist' in response["status"]["message"]
        assert (response["status"]["code"], response["status"]["reason"]) == (400, "BadRequest")
        assert [cause["field"] for cause in response["status"]["details"]["causes"]] == ["spec"]
        s.api.put({**vmi(), "status": {"phase": "Succeeded"}})
        response = await s.ask("/validate", scene.review(migration))
        assert "Cannot migrate VMI in finalized state." in response["status"]["message"]
        s.api.fail("GET", "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances", code=500, times=5)
        response = await s.ask("/validate", scene.review(migration))
        assert response["allowed"] is False
        assert "virt-api cannot judge this now" in response["status"]["message"]


async def test_conversion(tmp_path: Path) -> None:
    def asked(objects: list[Any], version: str) -> dict[str, Any]:
        request = {"uid": "u-1", "desiredAPIVersion": f"kubevirt.io/{version}", "objects": objects}
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}

    async with scene.running(tmp_path) as s:
        response = await s.ask("/convert", asked([vm("root", "v1alpha1"), vm()], "v1"))
        assert response["result"] == {"status": "Success"}
        assert [obj["apiVersion"] for obj in response["convertedObjects"]] == ["kubevirt.io/v1"] * 2
        assert response["convertedObjects"][0]["spec"]["template"]["spec"]["volumes"] == vmi()["spec"]["volumes"]
        failed = await s.ask("/convert", asked([vmi()], "v1"))
        assert failed["result"]["status"] == "Failure"


def _deep(levels: int) -> bytes:
    return (
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":'
        + b"[" * levels
        + b"]" * levels
        + b"}"
    )


def _nested_object(levels: int) -> bytes:
    inner = "{" * 0 + '{"a":' * levels + "1" + "}" * levels
    text = json.dumps(scene.review(vmi())).replace('"disk": {}', f'"disk": {inner}')
    return text.encode()


MALFORMED = {
    "empty": (b"", "application/json", 400),
    "truncated": (json.dumps(scene.review(vmi())).encode()[:-40], "application/json", 400),
    "yaml": (json.dumps(scene.review(vmi())).encode(), "application/yaml", 415),
    "10 MiB": (b"x" * (10 * 1024 * 1024), "application/json", 413),
    "a long string": (b'"' + b"x" * (server.MOST_BYTES - 2) + b'"', "application/json", 400),
    "deep": (_deep(100_000), "application/json", 400),
    "less deep": (_deep(900), "application/json", 400),
    "a list": (b"[]", "application/json", 400),
    "no text": (b"\xff\xfe", "application/json", 400),
    "no number": (b'{"kind":NaN}', "application/json", 400),
    "a long number": (b'{"kind":' + b"9" * 5000 + b"}", "application/json", 400),
    "no request": (
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
        "application/json",
        400,
    ),
    "an old review": (
        b'{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"x"}}',
        "application/json",
        400,
    ),
}


@pytest.mark.parametrize("path", ["/validate", "/mutate", "/convert"])
async def test_a_malformed_body_gets_a_4xx(tmp_path: Path, path: str) -> None:
    async with scene.running(tmp_path) as s:
        for name, (content, content_type, status) in MALFORMED.items():
            answered, _ = await s.post(path, content, **{"Content-Type": content_type})
            # A page of a list comes to be converted at once, so that may be longer.
            assert answered == (400 if (path, status) == ("/convert", 413) else status), name
        assert (await s.ask("/validate", scene.review(vmi())))["allowed"] is True


async def _break_off(s: scene.Scene, content: bytes, *, tls: bool = True) -> None:
    """Connect, send that, and go."""
    assert s.process.server is not None
    context = s.trusting(s.authority) if tls else None
    _, writer = await asyncio.open_connection("localhost", s.process.server.port, ssl=context)
    writer.write(content)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.transport.abort()


async def test_what_is_broken_off_or_malformed_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No traceback, no task, no open file and no request in work is left, however often and wherever a client breaks off."""
    async with scene.running(tmp_path) as s:
        body = json.dumps(scene.review(vmi())).encode()
        head = (
            b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )

        async def one_round() -> None:
            for content, content_type, _ in MALFORMED.values():
                await s.post("/validate", content, **{"Content-Type": content_type})
            for sent in (b"", head[:20], head, head + body[:-40], head + body, b"\x16\x03 no HTTP\r\n\r\n"):
                await _break_off(s, sent)
            await _break_off(s, b"GET / HTTP/1.1\r\n\r\n", tls=False)

        def left() -> tuple[int, int]:
            return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))

        await one_round()
        await asyncio.sleep(0.3)
        before = left()
        for _ in range(5):
            await one_round()
        async with asyncio.timeout(10):
            while left() > before:
                await asyncio.sleep(0.05)
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        assert "playvirt_api_requests_in_work 0.0" in (await s.health("/metrics"))[1]
        assert (await s.ask("/validate", scene.review(vmi())))["allowed"] is True


@pytest.mark.parametrize("levels", [150, 500])
async def test_an_object_that_is_nested_without_end_is_malformed(tmp_path: Path, levels: int) -> None:
    async with scene.running(tmp_path) as s:
        for path in ("/validate", "/mutate"):
            assert (await s.post(path, _nested_object(levels)))[0] == 400


async def test_health_and_metrics_tell_what_happened(tmp_path: Path) -> None:
    async with scene.running(tmp_path) as s:
        await s.ask("/validate", scene.review(vm("lost")))
        await s.post("/validate", b"nonsense")
        assert await s.health("/healthz") == (200, "\n")
        status, text = await s.health("/readyz")
        assert (status, "watch VirtualMachineInstancePreset: ok" in text) == (200, True)
        _, metrics = await s.health("/metrics")
        counted = 'playvirt_api_webhook_requests_total{kind="%s",outcome="%s",webhook="validate"} 1.0'
        assert counted % ("VirtualMachine", "refused") in metrics
        assert counted % ("other", "malformed") in metrics
