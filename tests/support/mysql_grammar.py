"""Every statement that the tests send to MariaDB, judged by MySQL 8's own grammar: no package has a MySQL server.

The fixture `mariadb` records while it lives and judges at its end, migrations' DDL included. The grammar is that of 8.0.17
(ts-mysql-parser, from npm); it knows syntax, not tables, functions or sizes.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_suffix(".cjs")
PACKAGE = ROOT / "node_modules" / "ts-mysql-parser"
KNOWN = ROOT / ".data" / "mysql-grammar.json"
"""Statements that passed before, by their hash: judging one takes some 20 ms."""

OF_ALEMBIC = "INTO alembic_version"
"""Alembic's own row, which on MariaDB alone is written with RETURNING."""

recorded: set[str] = set()
"""The distinct statements that this process has sent to MariaDB."""


def plain(statement: str) -> str:
    """The statement as MySQL would be sent it: `?` for each value, and lists of values no longer than they must be."""
    text = re.sub(r"%\(\w+\)s|%s", "?", statement).replace("%%", "%")
    text = re.sub(r"\(\?(?:, \?)+\)", "(?)", text)
    return re.sub(r"(\([^()]*\))(?:, \1)+", r"\1", text).strip()


def _note(conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if conn.dialect.name in ("mysql", "mariadb") and OF_ALEMBIC not in statement:
        recorded.add(plain(statement))


def record() -> None:
    """Notes every statement of every engine from now on."""
    if not sa.event.contains(Engine, "before_cursor_execute", _note):
        sa.event.listen(Engine, "before_cursor_execute", _note)


def missing() -> str | None:
    """Why nothing can be judged here, None where it can."""
    if shutil.which("node") is None or not PACKAGE.exists():
        return "MySQL's grammar is not installed: npm ci (Node 20)"
    return None


def verdicts(statements: list[str]) -> list[str | None]:
    """For each statement None, or what the grammar has against it."""
    done = subprocess.run(
        ["node", str(SCRIPT)], cwd=ROOT, input=json.dumps(statements), capture_output=True, text=True, timeout=240, check=True
    )
    judged: list[str | None] = json.loads(done.stdout)
    return judged


def complaints(statements: set[str]) -> list[str]:
    """The statements that MySQL would not take, each with why."""
    passed: set[str] = set(json.loads(KNOWN.read_text())) if KNOWN.exists() else set()
    new = sorted(statement for statement in statements if _hash(statement) not in passed)
    if not new:
        return []
    judged = dict(zip(new, verdicts(new), strict=True))
    KNOWN.parent.mkdir(parents=True, exist_ok=True)
    draft = KNOWN.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(sorted(passed | {_hash(each) for each, error in judged.items() if error is None})))
    draft.replace(KNOWN)
    return [f"{error}: {statement}" for statement, error in judged.items() if error is not None]


def _hash(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()[:16]
