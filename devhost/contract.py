"""openapi.json, the API's contract as it is committed: written from the app, and compared with an older one.

    python -m devhost.contract write      the document of this code into openapi.json (`make openapi`)
    python -m devhost.contract compare    what would break a client of the version that the branch began from

A difference breaks where a client that was right would be wrong: something it calls is gone, something it reads is gone or of
another type, or something it did not send is required. One that must be is accepted by its line in `openapi.accepted`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.asgi import create_app
from app.openapi import operations, resolve

ROOT = Path(__file__).parents[1]
FILE = ROOT / "openapi.json"
ACCEPTED = ROOT / "openapi.accepted"
BRANCHES = ("origin/main", "main")
DEPTH = 3
"""Levels of the document that have lines of their own: what is below stands on one line, so that a change shows as its line."""
Document = dict[str, Any]


def document() -> Document:
    """The document of this code."""
    openapi: Document = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
    return openapi


def text(value: Any, depth: int = DEPTH, indent: str = "") -> str:
    """The document as JSON, a line an operation's member or a schema's."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    members = (f"{indent} {json.dumps(name)}:{text(member, depth - 1, indent + ' ')}" for name, member in value.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def breaking(before: Document, after: Document) -> list[str]:
    """What in `after` breaks a client of `before`, a sentence each."""
    known = {(path, method): operation for path, method, operation in operations(after)}
    differences: list[str] = []
    for path, method, old in operations(before):
        label = f"{method.upper()} {path}"
        new = known.get((path, method))
        if new is None:
            differences.append(f"{label}: is gone")
        else:
            differences += [f"{label} {what}" for what in _operation(before, old, after, new)]
    return list(dict.fromkeys(differences))


def accepted() -> dict[str, str]:
    """The breaking differences that were decided on, with their reasons."""
    lines = [line for line in ACCEPTED.read_text().splitlines() if line.strip() and not line.startswith("#")]
    pairs = [line.partition(" -- ") for line in lines]
    return {what.strip(): reason.strip() for what, _, reason in pairs}


def older() -> tuple[str, Document] | None:
    """The committed document that this one follows and its revision: where the branch left main, or, on main, the commit
    before. None where there is no history or no document in it."""
    head = _git("rev-parse", "HEAD")
    for branch in BRANCHES:
        base = _git("merge-base", branch, "HEAD")
        if base is not None:
            revision = "HEAD^" if base == head else base
            break
    else:
        revision = "HEAD^"
    content = _git("show", f"{revision}:{FILE.name}")
    return None if content is None else (revision, json.loads(content))


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _operation(before: Document, old: Document, after: Document, new: Document) -> Iterator[str]:
    parameters = {(item["in"], item["name"]): item for item in (resolve(after, part) for part in new.get("parameters", ()))}
    taken = {(item["in"], item["name"]): item for item in (resolve(before, part) for part in old.get("parameters", ()))}
    for key, item in taken.items():
        if key not in parameters:
            yield f"parameter {key[1]}: is gone"
        else:
            where = f"parameter {key[1]}"
            yield from _Schemas(before, after, is_answer=False).compare(item["schema"], parameters[key]["schema"], where)
    for key, item in parameters.items():
        if item.get("required") and not taken.get(key, {}).get("required"):
            yield f"parameter {key[1]}: is required now"
    if new.get("requestBody", {}).get("required") and not old.get("requestBody", {}).get("required"):
        yield "request: is required now"
    yield from _media(before, old.get("requestBody", {}), after, new.get("requestBody", {}), "request", is_answer=False)
    for status, answer in old["responses"].items():
        if status.startswith("2"):
            if status not in new["responses"]:
                yield f"answer {status}: is gone"
                continue
            pair = resolve(before, answer), resolve(after, new["responses"][status])
            yield from _media(before, pair[0], after, pair[1], f"answer {status}", is_answer=True)


def _media(before: Document, old: Document, after: Document, new: Document, where: str, *, is_answer: bool) -> Iterator[str]:
    for kind, media in old.get("content", {}).items():
        if kind not in new.get("content", {}):
            yield f"{where}: is no {kind} any more"
        elif "schema" in media:
            yield from _Schemas(before, after, is_answer=is_answer).compare(
                media["schema"], new["content"][kind].get("schema", {}), where
            )


class _Schemas:
    """Compares schemas of an older and a newer document, of what clients send or of what they are answered."""

    def __init__(self, before: Document, after: Document, *, is_answer: bool) -> None:
        self._before, self._after, self._is_answer = before, after, is_answer
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Document, new: Document, where: str) -> Iterator[str]:
        """What breaks, from `old` to `new`, at a path."""
        pair = old.get("$ref", ""), new.get("$ref", "")
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = resolve(self._before, old), resolve(self._after, new)
        yield from self._types(old, new, where)
        yield from self._values(old, new, where)
        yield from self._members(old, new, where)
        if "items" in old and "items" in new:
            yield from self.compare(old["items"], new["items"], f"{where}[]")
        yield from self._choices(old, new, where)

    def _types(self, old: Document, new: Document, where: str) -> Iterator[str]:
        before, after = self._kinds(self._before, old), self._kinds(self._after, new)
        if not before or not after:  # one of them is anything
            if before if self._is_answer else after:
                yield f"{where}: was {_words(before)}, is {_words(after)}"
            return
        # An answer may have fewer types, never another; a request may take more.
        strange = after - before if self._is_answer else before - after
        if "number" in (before if self._is_answer else after):
            strange -= {"integer"}
        if strange:
            yield f"{where}: was {_words(before)}, is {_words(after)}"

    def _kinds(self, document: Document, schema: Document) -> set[str]:
        schema = resolve(document, schema)
        if "anyOf" in schema or "oneOf" in schema:
            parts = [self._kinds(document, part) for part in schema.get("anyOf") or schema["oneOf"]]
            return {kind for part in parts for kind in part} if all(parts) else set()
        kind = schema.get("type")
        if isinstance(kind, list):
            return set(kind)
        if isinstance(kind, str):
            return {kind}
        return {"object"} if "properties" in schema else {_type_of(value) for value in _enum(schema)}

    def _values(self, old: Document, new: Document, where: str) -> Iterator[str]:
        before, after = _enum(old), _enum(new)
        if before and after:
            for value in before:
                if value not in after and (not self._is_answer or len(before) > 1):
                    yield f"{where}: {value!r} is gone"

    def _members(self, old: Document, new: Document, where: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        if not before and not after:
            return
        for name, schema in before.items():
            if name in after:
                yield from self.compare(schema, after[name], f"{where}.{name}")
            elif after or not new.get("additionalProperties", True):
                yield f"{where}.{name}: is gone"
        required, was = set(new.get("required", ())), set(old.get("required", ()))
        if self._is_answer:
            yield from (f"{where}.{name}: may be absent now" for name in sorted(was & set(after) - required))
        else:
            yield from (f"{where}.{name}: is required now" for name in sorted(required - was))

    def _choices(self, old: Document, new: Document, where: str) -> Iterator[str]:
        """Objects among alternatives, in order: nearly always one beside null."""
        before = [part for part in old.get("anyOf", [old]) if self._kinds(self._before, part) & {"object", "array"}]
        after = [part for part in new.get("anyOf", [new]) if self._kinds(self._after, part) & {"object", "array"}]
        if "anyOf" in old or "anyOf" in new:
            for first, second in zip(before, after, strict=False):
                yield from self.compare(first, second, where)


def _enum(schema: Document) -> list[Any]:
    return schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else []


def _type_of(value: Any) -> str:
    return {str: "string", bool: "boolean", int: "integer", float: "number"}.get(type(value), "null")


def _words(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "anything"


def main(arguments: list[str]) -> int:
    """The command."""
    if arguments == ["write"]:
        FILE.write_text(text(document()) + "\n")
        print(f"{FILE.name}: {FILE.stat().st_size} bytes")
        return 0
    if arguments != ["compare"]:
        print(__doc__)
        return 2
    known = older()
    if known is None:
        print(f"there is no older {FILE.name} to compare with")
        return 0
    revision, before = known
    differences = breaking(before, document())
    for what in differences:
        print(f"{what} -- {accepted().get(what, 'NOT ACCEPTED')}")
    print(f"{len(differences)} breaking differences from {revision}")
    return int(any(what not in accepted() for what in differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
