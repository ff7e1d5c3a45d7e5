"""A stand-in for the azurerm provider: serves its recorded schema over Terraform's plugin protocol 6, and judges values.

The real Terraform thus checks names, types, nesting and what is required; this judges the permitted values and ranges that the
real provider named when it was asked. It makes nothing: Terraform's tests run it behind `mock_provider`. `AZURERM_DATA` is
the folder of schema.json and values.json. Runs in the virtual environment of the check (requirements-infra.txt).
"""

import base64
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import grpc_controller_pb2 as controller_pb
from tf.gen import grpc_controller_pb2_grpc as controller_rpc
from tf.gen import grpc_stdio_pb2_grpc as stdio_rpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.runner import _self_signed_cert

DATA = Path(os.environ["AZURERM_DATA"])
SCHEMA = next(iter(json.loads((DATA / "schema.json").read_text())["provider_schemas"].values()))
VALUES: dict[str, dict[str, Any]] = json.loads((DATA / "values.json").read_text())
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
WRITE_ONLY = b"\x58\x01"
"""Field 11 of an attribute's message, set: the generated stubs do not know it yet."""
UNKNOWN = object()
"""A value that is known after apply only."""


def attribute(name: str, recorded: dict[str, Any]) -> pb.Schema.Attribute:
    """An attribute as the protocol has it."""
    flags = {flag: recorded.get(flag, False) for flag in ("required", "optional", "computed", "sensitive", "deprecated")}
    message = pb.Schema.Attribute(name=name, type=json.dumps(recorded["type"]).encode(), **flags)
    if recorded.get("write_only"):
        return pb.Schema.Attribute.FromString(message.SerializeToString() + WRITE_ONLY)
    return message


def block(recorded: dict[str, Any]) -> pb.Schema.Block:
    """A block with its attributes and the blocks within."""
    return pb.Schema.Block(
        attributes=[attribute(name, each) for name, each in recorded.get("attributes", {}).items()],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=block(each["block"]),
                nesting=NESTING[each["nesting_mode"]],
                min_items=each.get("min_items", 0),
                max_items=each.get("max_items", 0),
            )
            for name, each in recorded.get("block_types", {}).items()
        ],
    )


def schemas(recorded: dict[str, Any]) -> dict[str, pb.Schema]:
    """By type: its schema."""
    return {name: schema(each) for name, each in recorded.items()}


def schema(recorded: dict[str, Any]) -> pb.Schema:
    """The schema of one type."""
    return pb.Schema(version=recorded.get("version", 0), block=block(recorded["block"]))


def at(value: Any, path: list[str]) -> Iterator[Any]:
    """The values of a configuration at a path, where `0` stands for each item of a list."""
    if not path:
        yield from value if isinstance(value, list) else [value]
        return
    head, *rest = path
    if head == "0":
        for item in value if isinstance(value, list) else []:
            yield from at(item, rest)
    elif isinstance(value, dict) and head in value:
        yield from at(value[head], rest)


def complaints(kind: str, config: bytes) -> Iterator[str]:
    """What the recorded values and ranges have against a resource's configuration."""
    decoded = msgpack.unpackb(config, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False)
    for path, rule in VALUES.get(kind, {}).items():
        for value in at(decoded, path.split(".")):
            if isinstance(rule, list):
                if isinstance(value, str) and value.lower() not in [item.lower() for item in rule]:
                    yield f"expected {path} to be one of {rule}, got {value}"
            elif isinstance(value, int | float) and not rule.get("min", value) <= value <= rule.get("max", value):
                yield f"expected {path} to be in the range {rule}, got {value}"


class Provider(rpc.ProviderServicer):  # type: ignore[misc]
    """The calls that `validate` and `test` make."""

    def GetMetadata(self, _request: Any, context: Any) -> Any:  # noqa: N802
        """Not offered: Terraform asks for the schema then."""
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        return pb.GetMetadata.Response()

    def GetProviderSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """The recorded schema."""
        return pb.GetProviderSchema.Response(
            provider=schema(SCHEMA["provider"]),
            resource_schemas=schemas(SCHEMA["resource_schemas"]),
            data_source_schemas=schemas(SCHEMA["data_source_schemas"]),
        )

    def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Terraform itself has checked it by the schema."""
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Judges values and ranges."""
        found = complaints(request.type_name, request.config.msgpack)
        diagnostics = [pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=f"{request.type_name}: {text}") for text in found]
        return pb.ValidateResourceConfig.Response(diagnostics=diagnostics)

    def ValidateDataResourceConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Terraform itself has checked it by the schema."""
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """There is nothing to sign in to."""
        return pb.ConfigureProvider.Response()

    def StopProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Nothing is under way."""
        return pb.StopProvider.Response()


class Controller(controller_rpc.GRPCControllerServicer):  # type: ignore[misc]
    """Ends the process when Terraform has done."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def Shutdown(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Terraform has no more questions."""
        self.ended.set()
        return controller_pb.Empty()


class Output(stdio_rpc.GRPCStdioServicer):  # type: ignore[misc]
    """Nothing is printed."""

    def StreamStdio(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802
        """An empty stream."""
        return iter(())


def serve() -> None:
    """Serves on a socket, and tells Terraform where by the line that its plugins greet with."""
    controller = Controller()
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
    rpc.add_ProviderServicer_to_server(Provider(), server)
    controller_rpc.add_GRPCControllerServicer_to_server(controller, server)
    stdio_rpc.add_GRPCStdioServicer_to_server(Output(), server)
    with tempfile.TemporaryDirectory() as folder:
        chain, credentials = _self_signed_cert()
        server.add_secure_port(f"unix://{folder}/socket", credentials)
        server.start()
        print(
            "|".join(["1", "6", "unix", f"{folder}/socket", "grpc", base64.b64encode(chain).decode().rstrip("=")]), flush=True
        )
        parent = os.getppid()
        while not controller.ended.wait(1.0):
            if os.getppid() != parent:  # a Terraform that was killed does not say goodbye
                break
        server.stop(grace=None)


if __name__ == "__main__":
    serve()
