"""Examples of the OpenAPI document: real calls, recorded by `make examples`, in examples.json beside this file."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
METHODS = ("get", "put", "post", "delete", "patch")


def add_examples(document: dict[str, Any], *, prefix: str) -> None:
    """Adds to each operation the example of its request, its parameters and its answer, where one is recorded."""
    recorded = json.loads(FILE.read_text())
    for path, item in document["paths"].items():
        for method in METHODS:
            example = recorded.get(f"{method.upper()} {path.removeprefix(prefix)}")
            if method in item and example is not None:
                _add(item[method], example)


def _add(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        given = {"path": example["path"], "query": example["query"], "header": example["headers"]}[parameter["in"]]
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    for content, name in (
        (operation.get("requestBody", {}).get("content", {}), "request"),
        (operation["responses"].get(str(example["status"]), {}).get("content", {}), "response"),
    ):
        if name in example and "application/json" in content:
            content["application/json"]["example"] = example[name]
