"""One decision among 256 candidates on one core: their features, the shipped network's scores and the ranking, against the
network's bare matrix products in numpy on as many rows, in turns; and the same with the listing of the candidates (places,
distances, prices, what is free). Processor time of this one thread."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import onnx
from onnx import numpy_helper

from bench.harness import fixtures, stats
from bench.harness.results import Figure
from bench.harness.subject import Sample
from functions.optimizer.core.candidates import MAX_ROWS, PoolRates, candidates
from functions.optimizer.core.city import STANDARD_BIT, City, standard_bits
from functions.optimizer.core.features import Climatology, observe
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.manifest import MODEL, POLICY_NAME
from functions.optimizer.models.policy import LoadedModel, rank
from functions.optimizer.models.registry import SHIPPED, in_folder, open_version
from shared.clock import SystemClock

ROUNDS = 15
TIMES = 150
LOCATIONS, EVSES, SLOTS = 60, 4, 432
COSTS = {
    "decision_ms": "a decision among 256 candidates: features, scores, ranking, ms",
    "whole_ms": "the same with the listing of the candidates, ms",
}


def shipped() -> tuple[LoadedModel, list[np.ndarray]]:
    """The network that ships and its weight matrices, [inputs, outputs] each."""
    version = next(path.name for path in sorted((SHIPPED / "models" / POLICY_NAME).iterdir()) if path.is_dir())
    folder = SHIPPED / "models" / POLICY_NAME / version
    graph = onnx.load(folder / MODEL).graph
    matrices = [numpy_helper.to_array(item) for item in graph.initializer if len(item.dims) == 2]
    return open_version(in_folder(folder), version, now=datetime.now(UTC)), chained(matrices)


def chained(matrices: list[np.ndarray]) -> list[np.ndarray]:
    """Matrices turned so that each takes what the one before gives. Raises ValueError where they do not fit."""
    matrices_in_order: list[np.ndarray] = []
    for matrix in matrices:
        width = matrices_in_order[-1].shape[1] if matrices_in_order else None
        # A layer's weights are stored [outputs, inputs] or the other way round; the first takes as many as there are features.
        turned = matrix.T if width is None or matrix.shape[1] == width else matrix
        if width is not None and turned.shape[0] != width:
            raise ValueError(f"a layer of {matrix.shape} does not follow one that gives {width}")
        matrices_in_order.append(np.ascontiguousarray(turned, dtype=np.float32))
    return matrices_in_order


def around(rng: np.random.Generator) -> tuple[City, Occupancy, PoolRates, Climatology, Requests]:
    """What serving reads for one request that any of 60 locations could meet.

    Each has two pools, booked by a third over a day and a half, and prices by the slot; a climatology is known.
    """
    pools = np.arange(2 * LOCATIONS)
    standards = np.where(pools < LOCATIONS, STANDARD_BIT[fixtures.TYPE2], STANDARD_BIT[fixtures.CCS])
    city = City.build(
        name="bench",
        time_zone="Europe/Amsterdam",
        currency="EUR",
        location_ids=[str(number) for number in range(LOCATIONS)],
        latitude=rng.uniform(52.04, 52.14, LOCATIONS),
        longitude=rng.uniform(5.04, 5.2, LOCATIONS),
        pool_location=pools % LOCATIONS,
        pool_standard=standards,
        pool_power_kw=np.where(pools < LOCATIONS, 22.0, 50.0),
        capacity=np.full(len(pools), EVSES),
        price_unit=12.0,
    )
    shape = (len(pools), SLOTS)
    book = Occupancy(rng.binomial(EVSES, 1 / 3, (1, *shape)), np.ones((1, *shape), dtype=bool), 480.0)
    rates = PoolRates.build(rng.uniform(0.3, 0.7, shape))
    known = Climatology(rng.uniform(0, 0.5, shape), rng.uniform(0, 0.2, shape), rng.uniform(0, 0.1, shape))
    needs = Requests.build(
        size=1,
        book_min=5.0,
        depart_min=65.0,
        latitude=52.09,
        longitude=5.12,
        soc_kwh=20.0,
        battery_kwh=60.0,
        need_kwh=18.0,
        vehicle_kw=100.0,
        standards=standard_bits((fixtures.TYPE2, fixtures.CCS)),
    )
    return city, book, rates, known, needs


@contextmanager
def opened() -> Iterator[Callable[[], Sample]]:
    """A request with 256 candidates in a city that is booked by a third, the network, and as many rows of numbers."""
    rng, clock = np.random.default_rng(0), SystemClock()
    city, book, rates, known, needs = around(rng)
    model, matrices = shipped()
    numbers = rng.random((MAX_ROWS, matrices[0].shape[0]), dtype=np.float32)

    def measure() -> Sample:
        seconds = dict.fromkeys(("list", "observe", "score", "products"), 0.0)
        for _ in range(TIMES):
            marks = [time.thread_time()]
            candidates(city, needs, book, rates)
            marks.append(time.thread_time())
            rows, seen = observe(city, needs, book, rates, known)
            marks.append(time.thread_time())
            ranking = rank(model, rows, seen, clock=clock, deadline_ms=1e9)
            marks.append(time.thread_time())
            values = numbers
            for matrix in matrices:
                values = values @ matrix
            marks.append(time.thread_time())
            if ranking.fallback is not None or len(ranking.order) != MAX_ROWS:
                raise RuntimeError(f"{len(ranking.order)} rows, {ranking.fallback or 'by the network'}")
            for name, begin, end in zip(seconds, marks, marks[1:], strict=False):
                seconds[name] += end - begin
        sample = {f"{name}_ms": value / TIMES * 1000 for name, value in seconds.items()}
        # `observe` lists candidates as `candidates` does, then makes their features from the same look at the book.
        features = sample["observe_ms"] - sample["list_ms"]
        return sample | {
            "features_ms": features,
            "decision_ms": features + sample["score_ms"],
            "whole_ms": sample["observe_ms"] + sample["score_ms"],
        }

    measure()
    yield measure


def figures(samples: list[Sample]) -> dict[str, Figure]:
    """Both ratios, and the milliseconds behind them."""
    figures = {}
    for name, key, what in (
        ("over_matmul", "decision_ms", f"features, scores and ranking of {MAX_ROWS} candidates"),
        ("with_listing_over_matmul", "whole_ms", f"listing {MAX_ROWS} candidates, their features, scores and ranking"),
    ):
        ratios = [sample[key] / sample["products_ms"] for sample in samples]
        meaning = f"{what}, over the network's bare matrix products in numpy; {stats.spread(ratios)}"
        figures[f"decision.{name}"] = Figure(stats.median(ratios), "ratio", meaning)
    for key, meaning in (
        ("list_ms", "listing the candidates"),
        ("features_ms", "their features"),
        ("score_ms", "scores by onnxruntime, and the ranking"),
        ("products_ms", "the bare matrix products"),
    ):
        values = [sample[key] for sample in samples]
        figures[f"decision.{key}"] = Figure(stats.median(values), "ms", f"{meaning}, one core; {stats.spread(values)}")
    return figures
