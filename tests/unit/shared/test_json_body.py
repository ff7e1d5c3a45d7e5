"""JSON bodies: what is wrong is named by its path, and no body costs more than it weighs."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import Invalid
from shared.web.json_body import MAX_DEPTH, MAX_ITEMS, check_json


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"a": [1, {"b": NaN}]}', "a.1.b"),
        (b'{"a": [1, {"b": "\\u0000"}]}', "a.1.b"),
        (b'{"a": {"\\ud800": 1}}', "a.?"),
        (b"[[9007199254740992]]", "0.0"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), ".".join("0" * MAX_DEPTH)),
        (b"NaN", "body"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_json(body)
    assert [error.field for error in refused.value.fields] == [field]


def test_so_many_values_and_no_more() -> None:
    check_json(b"[" + b",".join([b"1"] * (MAX_ITEMS - 1)) + b"]")
    for body in (
        b"[" + b",".join([b"1"] * MAX_ITEMS) + b"]",
        b"{" + b",".join(b'"%d":0' % number for number in range(MAX_ITEMS)) + b"}",
        b"[" + b",".join([b"[]"] * (MAX_ITEMS // 2)) + b"]",
    ):
        with pytest.raises(Invalid, match=f"more than {MAX_ITEMS} values"):
            check_json(body)


def test_commas_in_text_are_no_values() -> None:
    text = b",[{" * MAX_ITEMS
    check_json(b'{"description": "' + text + b'"}')
    check_json(b'["\\\\", "' + text + b'", "\\"' + text + b'"]')
    with pytest.raises(Invalid, match="not valid JSON"):
        check_json(b'["\\\\", ' + text[:100] + b'"]')


ATTACKS = {
    "lists in a deep object": "open_ + b'[' + b','.join([b'[]'] * 60_000) + b']' + close",
    "numbers in a deep object": "open_ + b'[' + b','.join([b'0'] * 100_000) + b']' + close",
    "as much as may be, in a deep object": "open_ + b'[' + b','.join([b'0'] * 9_900) + b']' + close",
    "nothing but quotes": "b'[' + b'\\x22' * 240_000",
    "nothing but escapes": "b'[\\x22' + b'\\x5c\\x22' * 120_000",
    "nothing but brackets": "b'[' * 240_000",
}
MEASURED = """
import resource, sys
from shared.errors import Invalid
from shared.web.json_body import check_json
name = b'{"' + b"n" * 1000 + b'":'
open_, close = name * 30, b"}" * 30
body = eval(sys.argv[1])
assert len(body) < 262_144, len(body)
check_json(b"{}")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check_json(body)
except Invalid:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_body_takes_much_more_memory_than_it_weighs(attack: str) -> None:
    """In a process of its own: with a path for every value 242 kB took 245 MB."""
    root = Path(__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", MEASURED, ATTACKS[attack]], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert int(answer.stdout) < 16_384, "kB"
