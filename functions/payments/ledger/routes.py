"""HTTP of the ledger: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.payments.ledger import checks, service
from functions.payments.ledger.domain import owner_account
from functions.payments.ledger.schemas import (
    Balance,
    Balances,
    LedgerCheck,
    LedgerChecks,
    LedgerDifference,
    LedgerPage,
    Posting,
)
from shared.tx import Tx
from shared.web.call import Admin, Owner
from shared.web.pagination import Cursor, PageSize, cursor_id, page

router = APIRouter(prefix="/payments", tags=["payments"])

Account = Annotated[
    str | None,
    Query(
        max_length=48,
        pattern=r"^(stripe|disputes|platform:(fees|vat|costs|promise|waived)|(driver|owner|credit):[0-9a-f-]{36})$",
        description="Such as stripe, platform:fees or owner:ID",
        examples=["stripe"],
    ),
]


@router.get("/ledger", response_model=LedgerPage)
def list_postings(
    call: Admin,
    account: Account = None,
    booking_id: uuid.UUID | None = None,
    cursor: Cursor = None,
    limit: PageSize = 50,
) -> LedgerPage:
    """Postings of an account, of a booking, or of both, the latest stored first. For administrators."""

    def read(tx: Tx) -> LedgerPage:
        postings = service.list_postings(
            tx=tx, account=account, booking_id=booking_id, before=cursor_id(cursor), limit=limit + 1
        )
        listed = page(postings, limit, Posting.of)
        balances = [] if account is None else service.balance_of(tx=tx, account=account)
        return LedgerPage(**dict(listed), balances=[Balance.of(balance) for balance in balances])

    return call.read(read)


@router.get("/balance", response_model=Balances)
def get_balance(call: Owner) -> Balances:
    """What you are owed as an owner, by currency, and what explains it."""
    account = owner_account(call.actor.id or uuid.UUID(int=0))
    return Balances.of(account, call.read(lambda tx: service.my_balance(tx=tx)))


@router.get("/checks", response_model=LedgerChecks)
def list_checks(
    call: Admin,
    is_open: Annotated[bool | None, Query(description="true: what stands alone; false: what is resolved")] = None,
    cursor: Cursor = None,
    limit: PageSize = 50,
) -> LedgerChecks:
    """What does not agree in the ledger, and how the latest check went. For administrators."""

    def read(tx: Tx) -> LedgerChecks:
        differences = checks.list_differences(tx=tx, is_open=is_open, before=cursor_id(cursor), limit=limit + 1)
        run = checks.last_run(tx=tx)
        listed = page(differences, limit, LedgerDifference.of)
        return LedgerChecks(**dict(listed), last_run=None if run is None else LedgerCheck.of(run))

    return call.read(read)


@router.post("/checks/run", response_model=LedgerCheck)
def run_checks(call: Admin) -> LedgerCheck:
    """Checks the ledger now. For administrators."""
    return LedgerCheck.of(checks.check_ledger(call.platform))
