"""The compiled descriptors are those of the `.proto` files beside them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import headwater_grafana.protocol

PACKAGE = Path(str(files(headwater_grafana.protocol)))


def described(path: Path) -> dict[str, object]:
    return {file.name: file for file in FileDescriptorSet.FromString(path.read_bytes()).file}


def test_they_are_compiled_from_the_sources(tmp_path: Path) -> None:
    """`nox -s protocol` compiles them."""
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools compiles the sources")
    root = PACKAGE.parents[1]
    sources = [str(path.relative_to(root)) for path in sorted(PACKAGE.glob("*.proto"))]
    includes = [f"--proto_path={root}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    fresh = tmp_path / "descriptors"
    arguments = ["protoc", *includes, "--include_imports", f"--descriptor_set_out={fresh}", *sources]
    assert protoc.main(arguments) == 0
    assert described(fresh) == described(PACKAGE / "descriptors.binpb")
