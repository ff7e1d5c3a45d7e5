"""`python -m tests.support.training_child OUT DIES`: the training machine's pipeline with tiny numbers, dying where it is told.

DIES is the name of a step (it dies when the step has ended), `write N` (before the store is written the Nth time), or `never`.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.adapters.blobs import BlobStore
from shared.platform import Platform
from training.learning.arguments import Args
from training.pipeline import PipelinePlan, reported, run_pipeline

TINY = Args(
    workers=0,
    scenarios=("varied-17",),
    varied=0,
    rounds=0,
    label_days=1,
    city_days=1,
    varied_days=1,
    table_days=1,
    half_days=0.0,
    steps=10,
    batch_requests=32,
    iterations=0,
    validation_days=1,
    city_validation_days=1,
)


def die() -> None:
    """As a spot machine that is evicted without a word."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore:
    """A store that dies before the Nth write."""

    def __init__(self, store: BlobStore, left: int) -> None:
        self._store, self._left = store, left

    def write(self, *arguments: Any, **options: Any) -> Any:
        """The Nth is never made."""
        self._left -= 1
        if self._left == 0:
            die()
        return self._store.write(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def main() -> None:
    """Runs the pipeline and exits as it does."""
    out, dies = Path(sys.argv[1]), sys.argv[2]
    platform = Platform()
    if dies.startswith("write "):
        platform.__dict__["blobs"] = DyingStore(platform.blobs, int(dies.removeprefix("write ")))

    def say(text: str) -> None:
        print(text, flush=True)
        if f" s  {dies}: " in text:
            die()

    plan = PipelinePlan(args=replace(TINY, out=out), requests=12, baselines="greedy")
    code = reported(run_pipeline(platform, plan, say=say, quiet=True))
    platform.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
