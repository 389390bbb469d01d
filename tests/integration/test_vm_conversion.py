"""A real API server that turns VirtualMachines from one version into another through our conversion: what is posted is read back, in every version.

The webhook here is the pure answer behind a plain HTTPS server; virt-api's own is tested with virt-api.
"""

from __future__ import annotations

import base64
import copy
import datetime
import http.server
import json
import pathlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import crds
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.conversion import review
from ansible_collections.playvirt.core.tests.integration import bare_api_server

OLDEST: dict[str, Any] = {
    "apiVersion": "kubevirt.io/v1alpha1",
    "kind": "VirtualMachine",
    "metadata": {"name": "testvm", "namespace": "default", "labels": {"guest": "testvm"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "domain": {
            "resources": {"requests": {"memory": "64M"}},
            "devices": {
                "disks": [
                    {"name": "mydisk", "volumeName": "registryvolume", "disk": {"bus": "virtio"}},
                    {"name": "cloudinitdisk", "volumeName": "cloudinitvolume", "disk": {"bus": "virtio"}},
                    {"name": "scratch"},
                ]
            },
        },
        "volumes": [
            {"name": "registryvolume", "registryDisk": {"image": "tiny:devel"}},
            {"name": "cloudinitvolume", "cloudInitNoCloud": {"userData": "#cloud-config\n"}},
            {"name": "scratch", "emptyDisk": {"capacity": "1Gi"}},
        ],
    },
}


class _Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(review.answer(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The webhook, running: what a definition's clientConfig says of it."""
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.new_authority("conversion", now=now, days=2)
    request = pki.Request(common_name="conversion", organizations=(), names=("127.0.0.1",))
    pair = pki.new_certificate(request, authority, now=now, days=2)
    folder = tmp_path_factory.mktemp("webhook")
    files = {"tls.crt": pair.certificate, "tls.key": pair.key}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield {
        "url": f"https://127.0.0.1:{server.server_address[1]}/convert",
        "caBundle": base64.b64encode(authority.certificate).decode(),
    }
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def served(api_server: bare_api_server.BareAPIServer, webhook: dict[str, str]) -> bare_api_server.BareAPIServer:
    definition = copy.deepcopy(crds.definitions()["kubevirt.io_virtualmachines.yaml"])
    definition["spec"]["conversion"]["webhook"]["clientConfig"] = webhook
    api_server.wait_crd(api_server.create_crd(definition))
    return api_server


def _path(version: str, name: str = "") -> str:
    return f"/apis/kubevirt.io/{version}/namespaces/default/virtualmachines{'/' if name else ''}{name}"


def _written(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what the API server adds."""
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {name: value for name, value in obj["metadata"].items() if name in kept}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, "spec": obj["spec"]}


@pytest.fixture
def posted(served: bare_api_server.BareAPIServer) -> Iterator[bare_api_server.BareAPIServer]:
    served.request("POST", _path("v1alpha1") + "?fieldValidation=Strict", OLDEST)
    yield served
    served.request("DELETE", _path("v1", "testvm"))


def test_the_oldest_form_reads_back_as_posted_and_modern_in_v1(posted: bare_api_server.BareAPIServer) -> None:
    assert _written(posted.request("GET", _path("v1alpha1", "testvm"))) == OLDEST
    modern = posted.request("GET", _path("v1", "testvm"))
    assert modern["spec"]["runStrategy"] == "Once"
    instance = modern["spec"]["template"]["spec"]
    assert [disk["name"] for disk in instance["domain"]["devices"]["disks"]] == [
        "registryvolume",
        "cloudinitvolume",
        "scratch",
    ]
    assert instance["volumes"][0]["containerDisk"] == {"image": "tiny:devel"}
    middle = posted.request("GET", _path("v1alpha3", "testvm"))
    assert middle["spec"] == modern["spec"]
    listed = posted.request("GET", _path("v1alpha1"))["items"]
    assert [_written(item) for item in listed] == [OLDEST]


def test_changes_in_either_version_are_seen_in_the_other(posted: bare_api_server.BareAPIServer) -> None:
    merge = "application/merge-patch+json"
    posted.request("PATCH", _path("v1", "testvm"), {"metadata": {"labels": {"team": "red"}}}, content_type=merge)
    seen = posted.request("GET", _path("v1alpha1", "testvm"))
    assert seen["spec"] == OLDEST["spec"]
    posted.request(
        "PATCH", _path("v1alpha1", "testvm"), {"spec": {"terminationGracePeriodSeconds": 7}}, content_type=merge
    )
    modern = posted.request("GET", _path("v1", "testvm"))
    assert modern["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 7
    assert modern["spec"]["template"]["metadata"] == {"labels": {"guest": "testvm"}}
    posted.request("PATCH", _path("v1", "testvm"), {"spec": {"runStrategy": "Halted"}}, content_type=merge)
    halted = posted.request("GET", _path("v1alpha1", "testvm"))
    assert halted["spec"]["runStrategy"] == "Halted"
    assert halted["spec"]["template"]["spec"]["domain"] == OLDEST["spec"]["domain"]


def test_status_goes_through_every_version(posted: bare_api_server.BareAPIServer) -> None:
    status = {"status": {"printableStatus": "Running", "ready": True}}
    path = _path("v1alpha1", "testvm") + "/status"
    posted.request("PATCH", path, status, content_type="application/merge-patch+json")
    assert posted.request("GET", _path("v1", "testvm"))["status"] == status["status"]
    assert "Running" in posted.kubectl("get", "virtualmachines.v1alpha1.kubevirt.io", "testvm")


def test_kubectl_applies_both_forms_again_and_again(
    served: bare_api_server.BareAPIServer, tmp_path: pathlib.Path
) -> None:
    old = {**OLDEST, "metadata": {**OLDEST["metadata"], "name": "applied"}}
    (tmp_path / "old.json").write_text(json.dumps(old))
    for how in ([], ["--server-side", "--force-conflicts"]):
        served.kubectl("apply", *how, "-f", str(tmp_path / "old.json"))
        first = served.request("GET", _path("v1", "applied"))
        served.kubectl("apply", *how, "-f", str(tmp_path / "old.json"))
        again = served.request("GET", _path("v1", "applied"))
        assert (again["spec"], again["metadata"]["generation"]) == (first["spec"], first["metadata"]["generation"])
    modern = _written(served.request("GET", _path("v1", "applied")))
    modern["metadata"].pop("annotations")
    modern["spec"]["runStrategy"] = "Halted"
    (tmp_path / "new.json").write_text(json.dumps(modern))
    served.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(tmp_path / "new.json"))
    assert served.request("GET", _path("v1", "applied"))["spec"]["runStrategy"] == "Halted"
    served.request("DELETE", _path("v1", "applied"))
