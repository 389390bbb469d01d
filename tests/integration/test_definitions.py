"""The definitions at a real API server: what the installation says of virt-api's authority stays when they are applied again."""

from __future__ import annotations

import base64
import datetime

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, webhooks
from ansible_collections.playvirt.core.plugins.modules import cluster_object
from ansible_collections.playvirt.core.tests.integration import bare_api_server

pytestmark = pytest.mark.integration
FILE = bare_api_server.ROOT / "crds" / "kubevirt.io_virtualmachines.yaml"


def test_the_authority_survives_another_installation(api_server: bare_api_server.BareAPIServer) -> None:
    """What role operator applies and what role kubevirt patches are different fields: neither undoes the other."""
    where = {"kubeconfig": str(api_server.kubeconfig())}
    definition = yaml.safe_load(FILE.read_text())
    authority = pki.new_authority("test", now=datetime.datetime.now(datetime.UTC), days=1)
    bundle = base64.b64encode(authority.certificate).decode()
    patch = webhooks.conversion_patch(settings.Settings(registry="", tag="", namespace="kubevirt"), bundle)
    apply = {**where, "state": "applied", "definition": definition}
    register = {**where, "state": "patched", "definition": webhooks.definition(), "patch": patch}

    assert cluster_object.run(apply, check_mode=False)["changed"] is True
    assert cluster_object.run(register, check_mode=False)["changed"] is True
    for params in (apply, register, apply):
        again = cluster_object.run(params, check_mode=False)
        assert again["changed"] is False
        client = again["object"]["spec"]["conversion"]["webhook"]["clientConfig"]
        assert client["caBundle"] == bundle
        assert client["service"] == definition["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
