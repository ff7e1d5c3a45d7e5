"""`make code`: what the authenticator app of the demo city's administrator shows now. There is none but here: on a laptop.

Everybody else's secret is in their own app; `make admin` prints a new one.
"""

import os
import sys
from pathlib import Path

from devhost.replay.seed import DEMO, read_mark
from functions.accounts import totp
from shared.clock import SystemClock


def main() -> None:
    """Reads DATA_DIR from the environment."""
    seeded = read_mark(Path(os.environ.get("DATA_DIR") or ".data"))
    if seeded is None or not seeded.admin_secret:
        sys.exit("There is no demo administrator here; `make admin EMAIL=you@example.org` makes one and prints its secret.")
    now = SystemClock().now()
    left = totp.STEP_S - int(now.timestamp()) % totp.STEP_S
    print(f"{totp.code_of(seeded.admin_secret, totp.step_at(now))}   {DEMO['admin'][0]}, good for {left} s more, once")


if __name__ == "__main__":
    main()
