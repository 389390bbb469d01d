"""virt-api in this process, over TLS, with a fake API server behind it."""

from __future__ import annotations

import asyncio
import base64
import datetime
import io
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from ansible_collections.playvirt.core.images.virt_api import api_process, options
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api

NOW = datetime.datetime.now(datetime.UTC)
SERVING = pki.Request(common_name="virt-api", organizations=(), names=("localhost", "127.0.0.1"))


def new_authority() -> pki.Pair:
    return pki.new_authority("test", now=NOW, days=1)


def write_certificate(directory: Path, authority: pki.Pair) -> None:
    """Put a new certificate where virt-api reads it."""
    put_certificate(directory, pki.new_certificate(SERVING, authority, now=NOW, days=1))


def put_certificate(directory: Path, pair: pki.Pair) -> None:
    """Put a certificate where virt-api reads it, as the kubelet does: a new directory, then a link that is replaced."""
    content = directory / f"content-{len(list(directory.iterdir()))}"
    content.mkdir()
    (content / "tls.crt").write_bytes(pair.certificate)
    (content / "tls.key").write_bytes(pair.key)
    link = directory / "new"
    link.symlink_to(content.name)
    link.rename(directory / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")


def review(obj: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An AdmissionReview as the API server sends it."""
    group, _, version = obj["apiVersion"].rpartition("/")
    asked = {
        "uid": "u-1",
        "kind": {"group": group, "version": version, "kind": obj["kind"]},
        "operation": "CREATE",
        "namespace": "ns",
        "name": obj["metadata"].get("name", ""),
        "userInfo": {"username": "someone"},
        "object": obj,
        "oldObject": None,
        **fields,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


class Scene:
    """A running virt-api and its client."""

    def __init__(self, process: api_process.APIProcess, api: kube_api.KubeAPI, directory: Path) -> None:
        self.process, self.api, self.directory = process, api, directory
        self.authority = new_authority()
        self.task: asyncio.Task[int] | None = None

    def trusting(self, *authorities: pki.Pair) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata="\n".join(pair.certificate.decode() for pair in authorities))
        return context

    def url(self, path: str) -> str:
        assert self.process.server is not None
        return f"https://localhost:{self.process.server.port}{path}"

    async def ready(self) -> None:
        """Wait until it serves."""
        for _ in range(500):
            if self.process.server is not None and self.process.server.port:
                return
            if self.task is not None and self.task.done():
                raise AssertionError(f"virt-api ended: {self.task.result()}")
            await asyncio.sleep(0.02)
        raise AssertionError("virt-api does not serve")

    async def post(self, path: str, content: Any, **headers: str) -> tuple[int, Any]:
        """Status and body; JSON where it is some."""
        data = io.BytesIO(content) if isinstance(content, bytes) else json.dumps(content).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url(path),
                data=data,
                headers={"Content-Type": "application/json", **headers},
                ssl=self.trusting(self.authority),
            ) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The response in a review's answer; a patch is decoded."""
        status, body = await self.post(path, asked)
        assert status == 200, body
        response: dict[str, Any] = body["response"]
        assert response["uid"] == asked["request"]["uid"]
        if "patch" in response:
            response["patch"] = json.loads(base64.b64decode(response["patch"]))
        return response

    async def health(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.process.health.port}{path}") as answer,
        ):
            return answer.status, await answer.text()


@asynccontextmanager
async def running(directory: Path, *objects: dict[str, Any], leave: str = "0") -> AsyncIterator[Scene]:
    """A virt-api that serves; ended with the block."""
    certificates = directory / "certificates"
    certificates.mkdir()
    async with kube_api.KubeAPI() as api:
        for obj in objects:
            api.put(obj)
        given = options.parse(
            [
                *("--kubeconfig", str(api.write_kubeconfig(directory / "kubeconfig"))),
                *("--address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"),
                *("--certificate-directory", str(certificates)),
                *("--leave", leave, "--drain", "5s", "--site-rule-timeout", "300ms"),
            ],
            {"POD_NAMESPACE": "kubevirt"},
        )
        found = Scene(api_process.APIProcess(given), api, certificates)
        write_certificate(certificates, found.authority)
        found.task = asyncio.create_task(found.process.run())
        try:
            await found.ready()
            yield found
        finally:
            found.process.stop()
            await found.task
