"""The generated code of the kubelet's API is that of the .proto file beside it."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from ansible_collections.playvirt.core.images.virt_handler import device_plugin_api_pb2

FOLDER = pathlib.Path(device_plugin_api_pb2.__file__).parent


@pytest.mark.parametrize("name", ["device_plugin_api_pb2.py", "device_plugin_api_pb2.pyi"])
def test_generated_code_is_current(name: str, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("grpc_tools")
    options = [f"--proto_path={FOLDER}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, "device_plugin_api.proto"], check=True)
    assert (FOLDER / name).read_text() == (tmp_path / name).read_text(), "run the command in device_plugin_api.proto"
