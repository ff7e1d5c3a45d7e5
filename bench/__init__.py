"""Each headline figure of the README is one command here, `python -m bench.NAME`, and lands in bench/results.json.

Machines are noisy: beside each figure stands a ratio of two things measured in the same run, and no test asserts either.
"""

import os

# Before numpy is imported: a figure is one core's.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
