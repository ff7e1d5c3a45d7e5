"""A process that measures one subject in the tree it runs in: `python -m bench.harness.worker NAME`, a line of JSON a round.

The parent writes a line for each round it wants, so that the rounds of two trees can take turns.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.harness.subject import Sample, subject

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
MODULES = ("bench.harness.worker", "bench.worker")
"""Where the worker is in this tree, and in those of before bench/ had rooms."""


class WorkerError(Exception):
    """A worker ended before it answered; its own message is on standard error."""


def worker_module(tree: Path) -> str:
    """The worker that a tree has. Raises WorkerError where it has none."""
    for module in MODULES:
        if tree.joinpath(*module.split(".")).with_suffix(".py").is_file():
            return module
    raise WorkerError(f"{tree} has no worker that measures: {' or '.join(MODULES)}")


class Worker:
    """The parent's end of a worker in `tree`. Use it as a context manager; entering waits until it is set up."""

    def __init__(self, name: str, tree: Path) -> None:
        self.name, self.tree = name, tree
        environment = {name: value for name, value in os.environ.items() if name in KEPT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", worker_module(tree), name],
            cwd=tree,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> "Worker":
        try:
            self._answer()
        except BaseException:
            self._end()
            raise
        return self

    def round(self) -> Sample:
        """Lets it measure one round. Raises WorkerError where it ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("round\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(f"{self.name} in {self.tree} ended") from error
        sample: Sample = json.loads(self._answer())
        return sample

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.name} in {self.tree} ended with {self._process.wait()}")
        return line

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __exit__(self, *_: object) -> None:
        self._end()


def main() -> None:
    """Measures a round for each line of standard input, until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the code under measurement prints is no answer
    with subject(sys.argv[1]).opened() as measure:
        print("ready", file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(measure()), file=answers, flush=True)


if __name__ == "__main__":
    main()
