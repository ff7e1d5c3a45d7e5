"""The benchmarks' own workings: figures and their file, the rows of figures, comparisons, spans, the wire client."""

import asyncio
import importlib
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from bench.harness import compare, queue_worker, results, stack, subject, table, tracing
from bench.harness.results import Figure
from bench.harness.wire import request
from bench.harness.worker import MODULES, WorkerError, worker_module
from bench.subjects.decision import chained

ROOT = Path(__file__).parents[3]


def test_figures_replace_their_own_and_leave_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.record({"a.x": Figure(1.5, "ratio", "one"), "b.y": Figure(2, "ms", "two")}, path)
    results.record({"a.x": Figure(3, "ratio", "again")}, path)
    assert json.loads(path.read_text()) == {
        "a.x": {"value": 3, "unit": "ratio", "what": "again"},
        "b.y": {"value": 2, "unit": "ms", "what": "two"},
    }
    assert results.load(path)["b.y"] == Figure(2, "ms", "two")


def test_rows_stand_for_what_was_measured_alone() -> None:
    figures = {"import.over_base": Figure(1.654, "ratio", "x"), "memory.idle_mb": Figure(100, "MB", "x")}
    assert table.rows(figures).splitlines() == [
        "| `import function_app` over importing azure.functions and fastapi (at most 2) | 1.65 | `make bench` |"
    ]


def test_every_subject_is_one_and_every_row_has_a_subject() -> None:
    for name in subject.NAMES:
        measured = subject.subject(name)
        assert measured.ROUNDS >= 3
        assert measured.COSTS
        assert callable(measured.opened)
        assert callable(measured.figures)
    with pytest.raises(ValueError, match="must be one of"):
        subject.subject("nothing")
    sources = "".join((ROOT / "bench" / "subjects" / f"{name}.py").read_text() for name in subject.NAMES)
    for _, names, _ in table.ROWS:
        for name in names:
            prefix, _, rest = name.partition(".")
            assert name in sources or (f'"{prefix}.{{' in sources and rest.rsplit("_", 1)[0] in sources), (
                f"nobody measures {name}"
            )


def test_docs_name_every_headline_and_subject() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    for _, names, _ in table.ROWS:
        for name in names:
            assert f"`{name}`" in text, name
    assert set(re.findall(r"ONLY=\"?([a-z_]+)", text)) <= set(subject.NAMES)


def test_a_comparison_says_no_more_than_the_rounds_do() -> None:
    base = [{"ms": 10.0 + number % 3, "mb": 100.0} for number in range(9)]
    here = [{"ms": (10.0 + number % 3) * 0.8, "mb": 100.0 * (0.9 if number % 2 else 1.1)} for number in range(9)]
    faster, same = compare.compared({"ms": "time", "mb": "memory"}, here, base, prefix="x")
    assert faster.ratio == pytest.approx(0.8)
    assert faster.verdict == "better"
    assert same.verdict == "no difference shown"
    assert "| time | 8.8 | 11 | 0.800 [0.800, 0.800] | better |" in compare.table([faster, same], "main")


def test_an_unknown_revision_is_named() -> None:
    with pytest.raises(ValueError, match="no-such-revision"), compare.base_of("no-such-revision"):
        pass


def test_this_trees_bench_imports_only_what_is_there() -> None:
    assert ("app.asgi", "create_app") in compare.imported_names()
    assert compare.missing_names(compare.ROOT) == []
    assert worker_module(compare.ROOT) == MODULES[0]


def test_a_base_with_other_rooms_is_measured_by_its_own_bench(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "asgi.py").write_text("def create_app(platform):\n    unseen = 1\n")
    assert compare.has_name(tmp_path, "app.asgi", "create_app")
    assert compare.has_name(tmp_path, "app", "asgi")
    assert not compare.has_name(tmp_path, "app.asgi", "unseen")
    assert not compare.has_name(tmp_path, "app.migrate", "upgrade")
    missing = compare.missing_names(tmp_path)
    assert "app.migrate.upgrade" in missing
    assert "app.asgi.create_app" not in missing
    with pytest.raises(WorkerError, match="no worker"):
        worker_module(tmp_path)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "worker.py").touch()
    assert worker_module(tmp_path) == "bench.worker"


def test_a_cost_that_one_side_does_not_measure_is_left_out() -> None:
    here, base = [{"ms": 1.0, "mb": 2.0}] * 3, [{"ms": 2.0}] * 3
    (time_taken,) = compare.compared({"ms": "time", "mb": "memory"}, here, base, prefix="x")
    assert (time_taken.name, time_taken.ratio) == ("x.ms", 0.5)


@pytest.mark.parametrize("path", [path for path, _ in (*tracing.DATABASE, *tracing.BOOKING, *queue_worker.DECISION_STAGES)])
def test_every_function_that_is_traced_exists(path: str) -> None:
    module, _, attribute = path.partition(":")
    owner = importlib.import_module(module)
    *outer, name = attribute.split(".")
    for part in outer:
        owner = getattr(owner, part)
    assert callable(getattr(owner, name))


def test_stages_count_without_what_is_nested_in_them() -> None:
    async def handle() -> None:
        with tracing.stage("outer"):
            await run_in_threadpool(tracing.wrapped(inner, "inner"))

    def inner() -> None:
        until = time.perf_counter() + 0.02
        with tracing.stage("innermost"):
            while time.perf_counter() < until:
                pass

    with tracing.watching() as watch, tracing.stage("all"):
        asyncio.run(handle())
    assert set(watch.seconds) == {"all", "outer", "inner", "innermost"}
    assert watch.seconds["innermost"] >= 0.019
    assert watch.seconds["inner"] < watch.seconds["innermost"]
    with tracing.stage("unwatched"):
        pass
    assert "unwatched" not in watch.seconds
    assert not tracing.wrap("shared.db:no_such_function", "x")


def test_the_wire_client_reads_whole_answers_and_opens_again_what_was_closed() -> None:
    app = FastAPI()

    @app.get("/long")
    def long() -> Response:
        return Response(b"x" * 300_000)

    @app.get("/last")
    def last() -> Response:
        return Response(b"bye", 404, {"Connection": "close"})

    with stack.served_here(app) as wire:
        answer = wire.send(request("GET", "/long"))
        assert (answer.status, len(answer.body)) == (200, 300_000)
        assert wire.send(request("GET", "/last")).status == 404
        assert wire.send(request("GET", "/long")).status == 200


def test_layers_are_turned_so_that_each_takes_what_the_one_before_gives() -> None:
    shapes = [item.shape for item in chained([np.zeros((128, 25)), np.zeros((1, 128))])]
    assert shapes == [(25, 128), (128, 1)]
    with pytest.raises(ValueError, match="does not follow"):
        chained([np.zeros((128, 25)), np.zeros((7, 9))])
