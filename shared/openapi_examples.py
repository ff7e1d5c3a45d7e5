"""Examples of the OpenAPI document."""

from typing import Any


def add_examples(document: dict[str, Any]) -> None:
    """Adds each operation's example of a request and of an answer."""
