"""Numbers of documents on MariaDB: threads that issue at once, some of them rolled back, leave no gap and no two alike."""

from tests.api.test_documents import check_race
from tests.support.world import World


def test_numbers_have_no_gap_under_row_locks(mariadb_world: World) -> None:
    check_race(mariadb_world)
