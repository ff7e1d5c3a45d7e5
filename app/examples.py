"""Examples of the OpenAPI document: real calls, recorded by `make examples`, in examples.json beside this file."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
JSON = "application/json"
METHODS = ("get", "put", "post", "delete", "patch")


SHARED_FROM = 4
"""Operations that give the same answer before it has one example, beside its schema."""


def add_examples(document: dict[str, Any], *, prefix: str) -> None:
    """Adds to each operation the example of its request, its parameters and its answer, where one is recorded.

    An answer that many operations give has one example for all: that of the operation that reads it, if there is one.
    """
    recorded = json.loads(FILE.read_text())
    answers: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            example = recorded.get(f"{method.upper()} {path.removeprefix(prefix)}")
            if method in item and example is not None:
                answer = _add(item[method], example)
                if answer is not None:
                    answers.setdefault(answer["schema"].get("$ref", ""), []).append((method, answer))
    for reference, givers in answers.items():
        if reference and len(givers) >= SHARED_FROM:
            shared = next((answer for method, answer in givers if method == "get"), givers[0][1])["example"]
            document["components"]["schemas"][reference.rpartition("/")[2]]["examples"] = [shared]
            for _, answer in givers:
                del answer["example"]


def _add(operation: dict[str, Any], example: dict[str, Any]) -> dict[str, Any] | None:
    """Adds to an operation what was recorded. Returns the answer's media type where it has an example now."""
    for parameter in operation.get("parameters", ()):
        given = {"path": example["path"], "query": example["query"], "header": example["headers"]}[parameter["in"]]
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    body = operation.get("requestBody", {}).get("content", {}).get(JSON)
    if body is not None and "request" in example:
        body["example"] = example["request"]
    answer: dict[str, Any] | None = operation["responses"].get(str(example["status"]), {}).get("content", {}).get(JSON)
    if answer is None or "response" not in example:
        return None
    answer["example"] = example["response"]
    return answer
