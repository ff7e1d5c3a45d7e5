"""HTTP of documents and billing profiles: parse, one service call, answer."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from functions.payments.documents import pdf, service
from functions.payments.documents.domain import DocumentKind
from functions.payments.documents.repository import DocumentFilter
from functions.payments.documents.schemas import BillingProfile, BillingProfilePut, Document
from shared.errors import NotFound
from shared.web.call import SignedIn
from shared.web.failures import errors
from shared.web.fields import Instant
from shared.web.pagination import Cursor, Page, PageSize, cursor_id, page

router = APIRouter(prefix="/payments", tags=["payments"])
_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/documents", response_model=Page[Document])
def list_documents(
    call: SignedIn,
    kind: DocumentKind | None = None,
    booking_id: uuid.UUID | None = None,
    since: Annotated[Instant | None, Query(alias="from", description="Issued from then on")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Issued before")] = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Document]:
    """Your receipts, invoices and credit notes, and those of your places, the latest first; of administrators everybody's."""
    wanted = DocumentFilter(kind, booking_id, since, until)
    documents = call.read(lambda tx: service.list_readable(tx=tx, wanted=wanted, before=cursor_id(cursor), limit=limit + 1))
    return page(documents, limit, Document.of)


@router.get("/documents/{document_id}", response_model=Document, responses=_FORMATS | errors(NotFound))
def get_document(document_id: uuid.UUID, call: SignedIn, format: Literal["json", "pdf"] = "json") -> Any:  # noqa: A002
    """One of these documents, as JSON or as PDF. It is made anew of what is stored each time, and always the same."""
    document = call.read(lambda tx: service.get_readable(tx=tx, document_id=document_id))
    if format == "json":
        return Document.of(document)
    headers = {"Content-Disposition": f'attachment; filename="{document.title}.pdf"'}
    return Response(pdf.render(document), media_type="application/pdf", headers=headers)


@router.get("/billing-profile", response_model=BillingProfile, responses=errors(NotFound))
def get_billing_profile(call: SignedIn) -> BillingProfile:
    """Whom your documents are made out to."""
    return BillingProfile.of(call.read(lambda tx: service.my_profile(tx=tx)))


@router.put("/billing-profile", response_model=BillingProfile)
def put_billing_profile(profile_in: BillingProfilePut, call: SignedIn) -> BillingProfile:
    """Sets whom your coming documents are made out to: with it they are invoices. Documents of before stay as they are."""
    return BillingProfile.of(call.write(lambda tx: service.put_profile(tx=tx, **profile_in.model_dump())))
