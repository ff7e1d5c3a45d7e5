"""MySQL's grammar stands in for a server: it takes what we use and refuses what MariaDB and SQLite alone have."""

import pytest

from tests.support import mysql_grammar

installed = pytest.mark.skipif(mysql_grammar.missing() is not None, reason=mysql_grammar.missing() or "it is here")


@installed
@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("INSERT INTO t (a) VALUES (%(a)s) RETURNING a", "RETURNING"),
        ("CREATE TABLE t (id UUID NOT NULL)", "UUID"),
        ("SELECT NEXT VALUE FOR numbers", "numbers"),
        ("SELECT a FROM t LIMIT %s OFFSET %s ROWS EXAMINED", "ROWS"),
    ],
)
def test_what_mysql_does_not_know_is_refused(statement: str, word: str) -> None:
    (verdict,) = mysql_grammar.verdicts([mysql_grammar.plain(statement)])
    assert verdict is not None
    assert word in verdict


@installed
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a FROM t WHERE b = %(b)s ORDER BY a LIMIT %(n)s FOR UPDATE SKIP LOCKED",
        "INSERT INTO t (a, b) VALUES (%(a)s, %(b)s) ON DUPLICATE KEY UPDATE b = VALUES(b)",
        "WITH c AS (SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY a) AS n FROM t) SELECT a FROM c WHERE n = 1",
        "CREATE TABLE t (a BINARY(16) NOT NULL, b DATETIME(6), CONSTRAINT ck_t_a CHECK (b IS NOT NULL), PRIMARY KEY (a))",
    ],
)
def test_what_mysql_knows_is_taken(statement: str) -> None:
    assert mysql_grammar.verdicts([mysql_grammar.plain(statement)]) == [None]


def test_statements_that_differ_in_the_number_of_values_are_one() -> None:
    two, four = "SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t WHERE b IN (%s, %s, %s, %s)"
    assert mysql_grammar.plain(two) == mysql_grammar.plain(four) == "SELECT a FROM t WHERE b IN (?)"


def test_a_percent_sign_is_one() -> None:
    assert mysql_grammar.plain("SELECT a FROM t WHERE b LIKE '%%x%%'") == "SELECT a FROM t WHERE b LIKE '%x%'"
