"""`make client`: the types of openapi.json are TypeScript that compiles, and know the operations."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "node_modules" / ".bin"
USE = """\
import type { components, paths } from "./schema";
type Booking = components["schemas"]["Booking"];
type Made = paths["/api/v1/booking/bookings"]["post"]["responses"][201]["content"]["application/json"];
export const name = (made: Made): Booking["id"] => made.id;
// @ts-expect-error there is no such member
export const wrong = (made: Made) => made.no_such_member;
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
def test_the_types_of_the_document_compile_and_know_its_members(tmp_path: Path) -> None:
    if not (PROGRAMS / "openapi-typescript").exists():
        pytest.skip("npm ci has not been run since openapi-typescript came")
    run([PROGRAMS / "openapi-typescript", ROOT / "openapi.json", "-o", tmp_path / "schema.d.ts"])
    (tmp_path / "use.ts").write_text(USE)
    run([PROGRAMS / "tsc", "--noEmit", "--strict", "--skipLibCheck", tmp_path / "use.ts"])


def run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
