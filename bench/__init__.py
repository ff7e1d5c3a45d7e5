"""Each headline figure of docs/figures.md is one command here: `python -m bench [NAME ...]` measures, writes bench/results.json
and prints their rows; `--base REV` compares two revisions in one run. docs/benchmarks.md says what each figure is.

A subject is a module: `opened` sets it up and yields the function that measures one round, `figures` makes figures of the
rounds, COSTS names what `--base` compares. Machines are noisy, so each headline is a ratio of two things measured in turns
in the same rounds, and no test asserts any of them.
"""

import os

# Before numpy is imported: a figure is one core's.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
