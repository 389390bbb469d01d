"""Two virt-api processes behind their Service and a real API server: one is killed, and their certificates are followed by others, while objects are made.

The API server itself chooses among the Service's endpoints. There is no kubelet and no controller: the test writes the EndpointSlices, takes a killed
replica's away a moment later, and puts the Secret's files where virt-api reads them.
"""

from __future__ import annotations

import base64
import concurrent.futures
import datetime
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates, virt_api
from ansible_collections.playvirt.core.plugins.modules import component_certificates
from ansible_collections.playvirt.core.tests.integration import bare_api_server, virt_api_process
from ansible_collections.playvirt.core.tests.unit.images.virt_api.scene import put_certificate

pytestmark = pytest.mark.integration

VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
_IN_NAMESPACE = f"namespaces/{virt_api_process.NAMESPACE}"
_SLICES = f"/apis/discovery.k8s.io/v1/{_IN_NAMESPACE}/endpointslices"
_UNANSWERED = "failed calling webhook"
CREATES, AT_A_TIME, WRONG_EVERY = 2000, 8, 20
#: how long a killed replica's endpoint stays, as until a kubelet and a controller have seen it
_STALE_SECONDS = 1.0
_TRIES, _PAUSE_SECONDS = 60, 0.25


def _own_address() -> str:
    """An address of this machine that an endpoint may have, which none of loopback may; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


class Scene:
    """The API server and the replicas, which are registered by `register`."""

    def __init__(self, api: bare_api_server.BareAPIServer, directory: pathlib.Path) -> None:
        self.api, self.directory = api, directory
        address = _own_address()
        self.replicas = [virt_api_process.VirtAPI(api.kubeconfig(), directory, address) for _ in range(2)]
        api.load_crds("crds")
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": virt_api_process.NAMESPACE}})
        service = virt_api.render_service(virt_api_process.SETTINGS)
        api.request("POST", f"/api/v1/{_IN_NAMESPACE}/services", service)

    def start(self) -> None:
        for number, replica in enumerate(self.replicas):
            replica.start()
            meta = {"name": f"replica-{number}", "labels": {"kubernetes.io/service-name": certificates.SERVICE}}
            endpoint = {"addresses": [replica.host], "conditions": {"ready": True}}
            ports = [{"name": "webhooks", "port": replica.port, "protocol": "TCP"}]
            found = {"metadata": meta, "addressType": "IPv4", "endpoints": [endpoint], "ports": ports}
            self.api.request("POST", _SLICES, found)

    def register(self, bundle: str) -> None:
        virt_api_process.register(self.api, bundle)

    def await_answers(self) -> None:
        """Wait until the API server has heard of the webhooks, and asks both replicas: its choice lasts as long as a connection, so several ask at a time."""

        def asked() -> None:
            with concurrent.futures.ThreadPoolExecutor(2 * AT_A_TIME) as pool:
                told = list(pool.map(lambda _: create(self.api, machine("probe", disk="lost")), range(4 * AT_A_TIME)))
            assert all("'lost' not found." in answer for answer in told)
            assert all(replica.answered() for replica in self.replicas)

        virt_api_process.until(asked)

    def kill_the_busier(self, before: list[int]) -> None:
        """Kill the replica that has answered more since `before`; its endpoint goes a moment later."""
        since = [replica.answered() - known for replica, known in zip(self.replicas, before, strict=True)]
        assert max(since) > 0
        number = since.index(max(since))
        self.replicas[number].kill()
        time.sleep(_STALE_SECONDS)
        self.api.request("DELETE", f"{_SLICES}/replica-{number}")


@pytest.fixture
def scene(tmp_path: pathlib.Path) -> Iterator[Scene]:
    try:
        bare_api_server.find_programs()
    except bare_api_server.APIServerError as error:
        pytest.skip(str(error))
    with bare_api_server.running(extra_flags=("--enable-aggregator-routing=true",)) as api:
        (tmp_path / "certificates").mkdir()
        found = Scene(api, tmp_path / "certificates")
        try:
            yield found
        finally:
            for replica in found.replicas:
                replica.stop()


def machine(name: str, disk: str = "root") -> dict[str, Any]:
    devices = {"disks": [{"name": disk, "disk": {"bus": "virtio"}}]}
    volumes = [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}]
    spec = {"domain": {"devices": devices, "memory": {"guest": "64Mi"}}, "volumes": volumes}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {"runStrategy": "Halted", "template": {"spec": spec}},
    }


def create(api: bare_api_server.BareAPIServer, obj: Mapping[str, Any], query: str = "") -> str:
    """`made`, or what the API server says."""
    try:
        api.request("POST", f"{VMS}{query}", obj)
    except bare_api_server.APIServerError as error:
        # 409: made by a try before, whose answer was lost
        return "made" if error.status == 409 else str(error)
    return "made"


class Creating:
    """Machines, every twentieth of them wrong, made by clients that try again where nobody could judge."""

    def __init__(self, api: bare_api_server.BareAPIServer) -> None:
        self._api = api
        self._answered = threading.Semaphore(0)

    def wait_for(self, count: int) -> None:
        """Wait until so many more are answered."""
        for _ in range(count):
            assert self._answered.acquire(timeout=60)

    def one(self, number: int) -> str:
        """`made` or `refused`."""
        wrong = number % WRONG_EVERY == 0
        obj = machine(f"bad-{number}", disk="lost") if wrong else machine(f"good-{number}")
        try:
            for _ in range(_TRIES):
                answer = create(self._api, obj)
                if _UNANSWERED not in answer:
                    return "refused" if "'lost' not found." in answer else answer
                time.sleep(_PAUSE_SECONDS)
            raise AssertionError(f"nobody judged {obj['metadata']['name']} in {_TRIES} tries: {answer}")
        finally:
            self._answered.release()


def test_one_of_two_replicas_is_killed_during_many_creates(scene: Scene) -> None:
    """Of 2,000 creates none is lost, and none passes unjudged: all wrong ones are refused, all others have their defaults."""
    bundle = virt_api_process.issue_certificate(scene.directory, f"virt-api.{virt_api_process.NAMESPACE}.svc")
    scene.start()
    scene.register(bundle)
    scene.await_answers()
    creating, before = Creating(scene.api), [replica.answered() for replica in scene.replicas]
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = [pool.submit(creating.one, number) for number in range(CREATES)]
        creating.wait_for(CREATES // 4)
        scene.kill_the_busier(before)
        told = [answer.result(timeout=300) for answer in answers]
    wrong = CREATES // WRONG_EVERY
    assert (told.count("made"), told.count("refused")) == (CREATES - wrong, wrong), set(told)
    found = scene.api.request("GET", VMS)["items"]
    assert {obj["metadata"]["name"] for obj in found} == {f"good-{n}" for n in range(CREATES) if n % WRONG_EVERY}
    unjudged = [obj for obj in found if not obj["spec"]["template"]["spec"]["domain"].get("firmware", {}).get("uuid")]
    assert unjudged == []


# -- certificates


def _issue(scene: Scene, **before: int) -> list[str]:
    """What role kubevirt's step does at a moment that lies so long before now; what it made."""
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(**before)
    params = {"namespace": virt_api_process.NAMESPACE, "owner": None, "kubeconfig": str(scene.api.kubeconfig())}
    made: list[str] = component_certificates.run(params, check_mode=False, now=now)["made"]
    return made


def _held(scene: Scene, name: str) -> dict[str, bytes]:
    data = scene.api.request("GET", f"/api/v1/{_IN_NAMESPACE}/secrets/{name}")["data"]
    return {key: base64.b64decode(text) for key, text in data.items()}


def _register_bundle(scene: Scene) -> None:
    scene.register(base64.b64encode(_held(scene, certificates.AUTHORITY_SECRET)["bundle.crt"]).decode())


def _mount(scene: Scene) -> None:
    held = _held(scene, certificates.SERVING_SECRET)
    put_certificate(scene.directory, pki.Pair(certificate=held["tls.crt"], key=held["tls.key"]))


def _await_served(scene: Scene) -> None:
    """Wait until each replica serves the certificate of the Secret."""
    wanted = _held(scene, certificates.SERVING_SECRET)["tls.crt"].decode().strip()
    for replica in scene.replicas:

        def served(address: tuple[str, int] = (replica.host, replica.port)) -> None:
            assert ssl.get_server_certificate(address).strip() == wanted

        virt_api_process.until(served)


@contextmanager
def _always_asked(api: bare_api_server.BareAPIServer) -> Iterator[list[str]]:
    """Somebody makes machines all the time; gives the answers so far."""
    stop, answers = threading.Event(), list[str]()

    def ask() -> None:
        while not stop.is_set():
            answers.append(create(api, machine("again"), "?dryRun=All"))

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in asking:
            thread.join()


def test_certificates_are_followed_by_others_without_a_refused_request(scene: Scene) -> None:
    """The serving certificate is renewed, then the authority is followed by another: as the installation does it, with objects made all the while."""
    assert _issue(scene, days=551) == ["authority", "serving"]
    assert _issue(scene, days=62) == ["serving"]
    _mount(scene)
    scene.start()
    _register_bundle(scene)
    scene.await_answers()
    counts: list[int] = []
    with _always_asked(scene.api) as answers:
        for before, made in (
            ({"days": 1, "hours": 2}, ["serving"]),
            ({"hours": 2}, ["next authority"]),
            ({"minutes": 30}, ["promotion", "serving"]),
        ):
            assert _issue(scene, **before) == made
            _register_bundle(scene)
            _mount(scene)
            _await_served(scene)
            counts.append(len(answers))
            virt_api_process.until(lambda: answers[counts[-1] + 20])
    assert set(answers) == {"made"}
    first, newest = scene.replicas[0], _held(scene, certificates.AUTHORITY_SECRET)["tls.crt"].decode()
    context = ssl.create_default_context(cadata=newest)
    with (
        socket.create_connection((first.host, first.port)) as plain,
        context.wrap_socket(plain, server_hostname=f"virt-api.{virt_api_process.NAMESPACE}.svc"),
    ):
        pass
