"""What an ONNX file says of itself before it is run: its opset, read from the protocol buffer without the onnx package,
which is training's."""

from collections.abc import Iterator

from functions.optimizer.models.manifest import Refused

_OPSET_IMPORT, _DOMAIN, _VERSION = 8, 1, 2
"""Field numbers of ModelProto.opset_import and OperatorSetIdProto (onnx.proto)."""


def opset_of(model: bytes) -> int:
    """The opset of the default domain. Raises Refused where the file is no ONNX model or has none."""
    try:
        for field, value in _fields(model):
            if field == _OPSET_IMPORT and isinstance(value, bytes):
                fields = dict(_fields(value))
                version = fields.get(_VERSION)
                if fields.get(_DOMAIN, b"") in (b"", b"ai.onnx") and isinstance(version, int):
                    return version
    except (IndexError, ValueError) as error:
        raise Refused(f"the model is not a readable ONNX file: {error}") from error
    raise Refused("the model is not a readable ONNX file: it names no opset")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of a message's fields. Raises IndexError or ValueError where it is cut short or no message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"it is cut short at byte {len(data)}")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without end at byte {at}")
