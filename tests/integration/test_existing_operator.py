"""An operator written for ansible-operator, unchanged (`operator/`), under the real runner against a real API server: its roles and playbook with
kubernetes.core and operator_sdk.util, owners, dependents, status, requeue, failures, finalizers, metrics, a restart. Its command line is the one that
operator-sdk writes into a project's config/: no namespace for the Lease, guarded metrics."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.engine import zygote_process
from ansible_collections.playvirt.core.tests.integration import bare_api_server

pytestmark = pytest.mark.integration

PROJECT = pathlib.Path(__file__).parent / "operator"
COLLECTIONS = pathlib.Path(zygote_process.IMPORT_ROOT)
MODULE = "ansible_collections.playvirt.core.images.runner"
CACHE = "/apis/cache.example.com/v1alpha1/namespaces/shop"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/a-memcached"
NOTE = "/api/v1/namespaces/registry/configmaps/shop-a"
MERGE = "application/merge-patch+json"
WAIT_SECONDS = 240.0


def condition(obj: dict[str, Any], name: str) -> dict[str, Any]:
    """A condition of an object, empty where there is none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == name), {})


class Scene:
    """The API server and the runner's process, which may be started again."""

    def __init__(self, api: bare_api_server.BareAPIServer, folder: pathlib.Path) -> None:
        self.api = api
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "runner.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._health, self._metrics = (f"127.0.0.1:{port}" for port in bare_api_server.free_ports(2))

    def start(self) -> None:
        """Start the runner as an operator's image does: in the project's folder, without naming the watch list."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
        environment |= {
            "PYTHONPATH": str(COLLECTIONS),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "MEMCACHED_IMAGE": "memcached:1.7",
            "TMPDIR": str(self.temporary),
            "ANSIBLE_HOME": str(self.temporary / "ansible"),
            "HOME": str(self._folder),
        }
        environment.pop("POD_NAMESPACE", None)
        arguments = ["run", "--leader-elect", "--leader-election-id=memcached-operator", "--zap-log-level=debug"]
        arguments += [f"--metrics-bind-address={self._metrics}", "--metrics-secure", "--metrics-require-rbac"]
        arguments += [f"--health-probe-bind-address={self._health}", "--socket", str(self._folder / "runner.sock")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    sys.executable,
                    "-m",
                    MODULE,
                    *arguments,
                    "--kubeconfig",
                    str(self.api.kubeconfig()),
                ],
                cwd=PROJECT,
                env=environment,
                stderr=log,
            )

    def stop(self) -> int:
        """End it as the kubelet does."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()

    def scrape(self, token: str = "") -> tuple[int, str]:
        """The metrics as Prometheus asks for them, without verifying whose they are."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"https://{self._metrics}/metrics", headers=headers)
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def probe(self, path: str) -> int:
        """The status of a path of the health port."""
        try:
            with urllib.request.urlopen(f"http://{self._health}{path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def token(self, account: str) -> str:
        """A token of a new service account."""
        accounts = "/api/v1/namespaces/registry/serviceaccounts"
        meta = {"name": account}
        self.api.request("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.api.request("POST", f"{accounts}/{account}/token", asked)["status"]["token"])

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def get(self, path: str) -> Any:
        """An object, or None."""
        try:
            return self.api.request("GET", path)
        except bare_api_server.APIServerError as error:
            if error.status == 404:
                return None
            raise

    def until(self, check: Callable[[], Any], what: str) -> Any:
        """Wait for the first true answer."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := check()):
            if time.monotonic() > deadline:
                tail = "\n".join(self._log.read_text().splitlines()[-40:])
                pytest.fail(f"not within {WAIT_SECONDS:g} s: {what}\n{tail}")
            time.sleep(0.1)
        return found

    def condition(self, path: str, name: str) -> dict[str, Any]:
        """A condition of an object as it is now, empty where there is none."""
        return condition(self.get(path) or {}, name)

    def settled(self, path: str) -> dict[str, Any] | None:
        """The object as it is while its newest generation was reconciled with success and no other run has begun; else None."""
        obj: dict[str, Any] = self.get(path)
        seen = (obj.get("status") or {}).get("observedGeneration")
        is_settled = seen == obj["metadata"]["generation"] and condition(obj, "Running").get("reason") == "Successful"
        return obj if is_settled else None

    def events(self, message: str) -> list[dict[str, Any]]:
        """The Events that say so."""
        found: list[dict[str, Any]] = self.get("/api/v1/namespaces/shop/events")["items"]
        return [event for event in found if event["message"] == message]

    def memcached(self, **spec: Any) -> None:
        """Create or change Memcached a."""
        path = f"{CACHE}/memcacheds"
        if self.get(f"{path}/a") is None:
            meta = {"name": "a", "namespace": "shop"}
            kind = {"apiVersion": "cache.example.com/v1alpha1", "kind": "Memcached"}
            self.api.request("POST", path, {**kind, "metadata": meta, "spec": spec})
        else:
            self.api.request("PATCH", f"{path}/a", {"spec": spec}, content_type=MERGE)

    def replicas(self) -> int | None:
        """What the Deployment says."""
        found = self.get(DEPLOYMENT)
        return found and int(found["spec"]["replicas"])


@pytest.fixture(scope="module")
def scene(api_server: bare_api_server.BareAPIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    assert (COLLECTIONS / "ansible_collections/kubernetes/core").is_dir(), (
        "run `make install`: kubernetes.core is missing"
    )
    api_server.load_crds(PROJECT / "crds")
    for name in ("shop", "registry"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        with contextlib.suppress(bare_api_server.APIServerError):
            api_server.request("POST", "/api/v1/namespaces", body)
    found = Scene(api_server, tmp_path_factory.mktemp("operator"))
    found.start()
    try:
        yield found
    finally:
        found.stop()


A = f"{CACHE}/memcacheds/a"


def test_a_role_makes_objects_that_belong_to_their_owner(scene: Scene) -> None:
    scene.memcached(size=3, memoryLimitMb=128, greeting="{{ lookup('pipe', 'echo evaluated') }}")
    # Two seconds later there is another run, since this one asks for it.
    owner = scene.until(lambda: scene.settled(A), "the first run")
    deployment = scene.get(DEPLOYMENT)
    assert deployment["spec"]["replicas"] == 3
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"][1] == "-m=128", "snake case"
    assert container["image"] == "memcached:1.7", "a template in the vars of the watch list"
    (reference,) = deployment["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["name"], reference["uid"]) == ("Memcached", "a", owner["metadata"]["uid"])
    annotations = scene.get(NOTE)["metadata"]["annotations"]
    assert annotations["operator-sdk/primary-resource"] == "shop/a"
    assert annotations["operator-sdk/primary-resource-type"] == "Memcached.cache.example.com"
    assert owner["metadata"]["finalizers"] == ["cache.example.com/finalizer"]
    assert owner["status"]["deployments"] == ["a-memcached"]
    assert owner["status"]["greeting"] == "{{ lookup('pipe', 'echo evaluated') }}", "a string of an object is data"
    assert condition(owner, "Successful")["status"] == "True"
    assert condition(owner, "Running")["ansibleResult"]["failures"] == 0


def test_a_role_that_asks_for_it_gets_another_turn(scene: Scene) -> None:
    assert scene.get(A)["status"]["phase"] == "Waiting"
    meta = {"name": "go-a", "namespace": "shop"}
    scene.api.request(
        "POST", "/api/v1/namespaces/shop/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    )
    scene.until(lambda: scene.get(A)["status"]["phase"] == "Ready", "the turn that requeue_after asked for")
    reasons = [line["reasons"] for line in scene.log() if line["message"] == "play" and line["object"] == "shop/a"]
    assert ["time to look again"] in reasons


def test_what_somebody_else_does_to_a_dependent_is_put_right(scene: Scene) -> None:
    scene.until(lambda: scene.settled(A), "rest")
    scene.api.request("PATCH", DEPLOYMENT, {"spec": {"replicas": 9}}, content_type=MERGE)
    scene.until(lambda: scene.replicas() == 3, "the Deployment that was changed is put right")
    scene.api.request("DELETE", DEPLOYMENT, {"propagationPolicy": "Background"})
    scene.until(lambda: scene.replicas() == 3, "the Deployment that was deleted is made again")
    scene.api.request("PATCH", NOTE, {"data": {"size": "many"}}, content_type=MERGE)
    scene.until(lambda: scene.get(NOTE)["data"]["size"] == "3", "what belongs to it by annotations is put right")


def test_a_failed_task_is_named_in_the_condition_and_in_an_event(scene: Scene) -> None:
    scene.until(lambda: scene.settled(A), "rest")
    scene.memcached(size=101)
    scene.until(lambda: scene.condition(A, "Failure").get("status") == "True", "the failure")
    failure = scene.condition(A, "Failure")
    assert (failure["reason"], failure["message"]) == ("Failed", "Refuse too much: 101 is more than there is")
    assert failure["ansibleResult"]["failures"] == 1
    assert scene.condition(A, "Successful")["status"] == "False"
    (event,) = scene.until(lambda: scene.events("Refuse too much: 101 is more than there is"), "the Event")
    assert (event["involvedObject"]["name"], event["type"]) == ("a", "Warning")
    scene.memcached(size=4)
    scene.until(lambda: scene.settled(A), "the repaired spec")
    assert scene.condition(A, "Failure")["status"] == "False"
    assert scene.replicas() == 4


def test_a_playbook_that_applies_on_the_server_keeps_the_owner(scene: Scene) -> None:
    path, report = f"{CACHE}/reports", "/api/v1/namespaces/shop/configmaps/r-report"
    body = {
        "apiVersion": "cache.example.com/v1alpha1",
        "kind": "Report",
        "metadata": {"name": "r"},
        "spec": {"text": "one"},
    }
    uid = scene.api.request("POST", path, body)["metadata"]["uid"]
    for text in ("one", "two"):
        scene.api.request("PATCH", f"{path}/r", {"spec": {"text": text}}, content_type=MERGE)
        scene.until(lambda: scene.settled(f"{path}/r"), f"report {text}")
        found = scene.get(report)
        assert found["data"] == {"text": text}
        assert [reference["uid"] for reference in found["metadata"]["ownerReferences"]] == [uid]
        managers = {one["manager"]: one["operation"] for one in found["metadata"]["managedFields"]}
        assert managers == {"reporter": "Apply"}


def test_metrics_are_for_whom_rbac_allows_them(scene: Scene) -> None:
    scraper, other, rbac = scene.token("prometheus"), scene.token("somebody"), "rbac.authorization.k8s.io"
    role = {"metadata": {"name": "metrics-reader"}, "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]}
    binding = {
        "metadata": {"name": "metrics-reader"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "metrics-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "prometheus", "namespace": "registry"}],
    }
    scene.api.request("POST", f"/apis/{rbac}/v1/clusterroles", role)
    scene.api.request("POST", f"/apis/{rbac}/v1/clusterrolebindings", binding)
    assert (scene.scrape()[0], scene.scrape("nonsense")[0], scene.scrape(other)[0]) == (401, 401, 403)
    status, text = scene.until(lambda: (got := scene.scrape(scraper))[0] == 200 and got, "RBAC's caches")
    assert status == 200
    kind = 'GVK="cache.example.com/v1alpha1, Kind=Memcached"'
    assert f'ansible_operator_reconcile_result{{{kind},result="succeeded"}}' in text
    assert (
        'workqueue_depth{controller="memcached-v1alpha1-controller",name="memcached-v1alpha1-controller"} 0.0' in text
    )
    where = 'group="cache.example.com",kind="Memcached",name="a",namespace="shop",version="v1alpha1"'
    assert f"resource_created_at_seconds{{{where}}}" in text
    assert "memcached_turns_total" in text
    assert (scene.probe("/metrics"), scene.probe("/readyz"), scene.probe("/healthz/ping")) == (404, 200, 200)


def test_a_runner_that_was_started_again_watches_what_the_first_one_made(scene: Scene) -> None:
    assert scene.stop() == 0
    scene.start()
    runs = len([line for line in scene.log() if line["message"] == "play succeeded"])
    scene.until(
        lambda: len([line for line in scene.log() if line["message"] == "play succeeded"]) >= runs + 2, "both objects"
    )
    scene.until(lambda: scene.settled(A), "rest")
    scene.api.request("PATCH", DEPLOYMENT, {"spec": {"replicas": 9}}, content_type=MERGE)
    scene.until(lambda: scene.replicas() == 4, "the Deployment is put right by the second runner")


def test_a_deletion_runs_the_finalizer(scene: Scene) -> None:
    scene.until(lambda: scene.settled(A), "rest")
    scene.api.request("DELETE", A)
    scene.until(lambda: scene.get(A) is None, "the object goes")
    assert scene.get(NOTE) is None
    plays = [line for line in scene.log() if line["message"] == "play" and line["object"] == "shop/a"]
    assert plays[-1]["role"].endswith("/roles/cleanup")


def test_nothing_was_written_that_was_not_needed(scene: Scene) -> None:
    errors = [line for line in scene.log() if line["level"] == "error" and line["message"] != "play failed"]
    assert errors == []


def test_runs_leave_nothing_on_disk(scene: Scene) -> None:
    """What stays is kubernetes.core's cache of the API server's kinds: a file for each process, whatever the number of objects and runs."""
    scene.stop()
    plays = [line for line in scene.log() if line["message"] == "play"]
    assert len(plays) > 10
    left = [path.name for path in scene.temporary.rglob("*") if path.is_file()]
    assert {name.partition("-")[0] for name in left} == {"k8srcp"}
    assert len(left) == 2, "there were two processes"
    folders = [path.name for path in scene.temporary.rglob("*") if path.is_dir()]
    assert folders == ["ansible", "tmp"], folders
