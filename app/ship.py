"""The models that ship with the code, put into the store of models: `python -m app.ship`, a step of the deployment.

Where somebody has published a version of their own it serves on. Running it again changes nothing.
"""

import contextlib
import sys

from app.process import sentence_of
from functions.forecast.model import FORECAST
from functions.optimizer.models.manifest import POLICY
from functions.optimizer.models.registry import install_shipped
from shared.adapters.blobs import BlobStore
from shared.errors import AppError


def ship(blobs: BlobStore) -> dict[str, bool]:
    """Installs both models. By the name of each: whether what ships was put there now."""
    return {expected.name: install_shipped(blobs, expected) for expected in (POLICY, FORECAST)}


def main() -> None:
    """The command of the deployment. Exits 1 with a sentence where it cannot."""
    from shared.platform import Platform

    try:
        with contextlib.closing(Platform()) as platform:
            for name, is_new in ship(platform.blobs).items():
                print(f"{name}: {'put into the store' if is_new else 'the store has a version that serves on'}")
    except (AppError, ValueError) as error:
        sys.exit(f"not shipped: {sentence_of(error)}")


if __name__ == "__main__":
    main()
