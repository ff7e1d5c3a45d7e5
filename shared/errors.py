"""The exception tree: every error a caller can meet, with its HTTP status and code as class data.

    AppError                         500  INTERNAL
    ├── BadRequest                   400  BAD_REQUEST
    │   └── BadCursor                400  BAD_CURSOR
    ├── Unauthenticated              401  UNAUTHENTICATED
    │   ├── TokenExpired             401  TOKEN_EXPIRED
    │   └── BadCredentials           401  BAD_CREDENTIALS
    ├── PaymentNeeded                402  PAYMENT_NEEDED
    │   └── PaymentDeclined          402  PAYMENT_DECLINED
    ├── Forbidden                    403  FORBIDDEN
    │   ├── FreshSignInNeeded        403  FRESH_SIGN_IN_NEEDED
    │   ├── TermsChanged             403  TERMS_CHANGED
    │   └── SecondFactorNeeded       403  SECOND_FACTOR_NEEDED
    ├── NotFound                     404  NOT_FOUND
    ├── MethodNotAllowed             405  METHOD_NOT_ALLOWED
    ├── Conflict                     409  CONFLICT
    │   ├── SlotTaken                409  SLOT_TAKEN
    │   ├── PriceNotKnown            409  PRICE_NOT_KNOWN
    │   ├── WrongState               409  WRONG_STATE
    │   ├── TermsRefuse              409  TERMS_REFUSE
    │   ├── LimitReached             409  LIMIT_REACHED
    │   ├── ConfirmationNeeded       409  CONFIRMATION_NEEDED
    │   └── IdempotencyKeyReused     409  IDEMPOTENCY_KEY_REUSED
    ├── PreconditionFailed           412  PRECONDITION_FAILED
    ├── PayloadTooLarge              413  PAYLOAD_TOO_LARGE
    ├── UnsupportedMediaType         415  UNSUPPORTED_MEDIA_TYPE
    ├── Invalid                      422  INVALID
    ├── PreconditionRequired         428  PRECONDITION_REQUIRED
    ├── TooManyRequests              429  TOO_MANY_REQUESTS
    ├── Undeliverable                502  UNDELIVERABLE
    └── Unavailable                  503  UNAVAILABLE
        └── CommitUnknown            503  COMMIT_UNKNOWN

Every error leaves the API as one shape, RFC 9457 problem details; `docs/errors.md` explains each code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class FieldError:
    """One field of the input that is wrong: its dotted path and what would be right."""

    field: str
    message: str


class AppError(Exception):
    """An error with a code a program can act on and a message a person can.

    `details` are extra members of the problem document (alternatives, limits, instants): JSON values, named otherwise than
    its own members, which win.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    title: ClassVar[str] = "Something failed on our side"

    def __init__(self, detail: str = "", *, fields: list[FieldError] | None = None, **details: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = fields or []
        self.details = details
        self.headers: dict[str, str] = {}
        """Of the answer, beside those that its status asks for."""
        self.replayed = False
        """Whether it is the kept answer of an earlier sending with the same Idempotency-Key."""
        self.completion: Callable[[Any], dict[str, Any]] | None = None
        """What its other `details` are, looked up by a read once its transaction has ended and holds no lock."""

    def completed_by(self, completion: Callable[[Any], dict[str, Any]]) -> Self:
        """The error with details to be looked up in a transaction (`Tx`) of their own, should anybody ask for them."""
        self.completion = completion
        return self

    @classmethod
    def one(cls, field: str, message: str, **details: Any) -> Self:
        """The common case of a single wrong field, header or parameter: named in the detail and in `errors`."""
        return cls(f"{field}: {message}", fields=[FieldError(field, message)], **details)

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem document (without the invocation id, which the edge adds)."""
        document: dict[str, Any] = {
            "type": f"urn:evcharging:error:{self.code.lower().replace('_', '-')}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.fields:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.fields]
        return self.details | document


class BadRequest(AppError):
    """The request cannot be understood."""

    status, code, title = 400, "BAD_REQUEST", "The request cannot be understood"


class BadCursor(BadRequest):
    """The page cursor was not made by this list."""

    code, title = "BAD_CURSOR", "This cursor does not belong to this list"


class Unauthenticated(AppError):
    """No valid token came with the request."""

    status, code, title = 401, "UNAUTHENTICATED", "A valid bearer token is needed"


class TokenExpired(Unauthenticated):
    """The token was good and has run out."""

    code, title = "TOKEN_EXPIRED", "The token has expired"


class BadCredentials(Unauthenticated):
    """E-mail and password do not match an account."""

    code, title = "BAD_CREDENTIALS", "E-mail or password is wrong"


class PaymentNeeded(AppError):
    """Something must be paid first; `booking_id` says for what, where it is a booking."""

    status, code, title = 402, "PAYMENT_NEEDED", "This must be paid first"


class PaymentDeclined(PaymentNeeded):
    """The card was declined: `decline` is the provider's word, `may_retry` whether the same card may be tried again."""

    code, title = "PAYMENT_DECLINED", "The card was declined"


class Forbidden(AppError):
    """Known, but not allowed."""

    status, code, title = 403, "FORBIDDEN", "This account may not do that"


class SecondFactorNeeded(Forbidden):
    """The role must show a second factor, and this session has not."""

    code, title = "SECOND_FACTOR_NEEDED", "A second factor is needed"


class FreshSignInNeeded(Forbidden):
    """The account has no password to ask for: its holder must have signed in at the provider a moment ago."""

    code, title = "FRESH_SIGN_IN_NEEDED", "This needs a fresh sign-in"


class TermsChanged(Forbidden):
    """The present version of a legal text is not accepted; `document` and `version` say which. No conflict: it is never kept
    under an Idempotency-Key, so the same call succeeds once the text is accepted."""

    code, title = "TERMS_CHANGED", "The present terms are not accepted yet"


class NotFound(AppError):
    """No such thing, or not one this caller may see."""

    status, code, title = 404, "NOT_FOUND", "There is no such thing"


class MethodNotAllowed(AppError):
    """The path exists, the method does not."""

    status, code, title = 405, "METHOD_NOT_ALLOWED", "This path does not take this method"


class Conflict(AppError):
    """The state of things does not allow it."""

    status, code, title = 409, "CONFLICT", "That conflicts with what is already there"


class SlotTaken(Conflict):
    """No EVSE of the pool is free over the whole period; `alternatives` are the nearest in time and place."""

    code, title = "SLOT_TAKEN", "This slot has been taken"


class PriceNotKnown(Conflict):
    """No tariff is in force for the pool then, and its owner does not say that it is free."""

    code, title = "PRICE_NOT_KNOWN", "The price is not known"


class WrongState(Conflict):
    """The object's state does not allow the change."""

    code, title = "WRONG_STATE", "The state does not allow this change"


class TermsRefuse(Conflict):
    """The booking terms accepted with the booking do not allow it."""

    code, title = "TERMS_REFUSE", "The booking terms do not allow this"


class LimitReached(Conflict):
    """A limit of the driver or the location is reached; the detail says which and when it lifts."""

    code, title = "LIMIT_REACHED", "A booking limit is reached"


class ConfirmationNeeded(Conflict):
    """The change concerns bookings, listed in `bookings`: it is done when `confirmation` comes back with it."""

    code, title = "CONFIRMATION_NEEDED", "This concerns bookings and needs your confirmation"


class IdempotencyKeyReused(Conflict):
    """The same Idempotency-Key came with another body or query."""

    code, title = "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used with a different request"


class PreconditionFailed(AppError):
    """What was to be changed has changed since it was read; `changes` says what, `etag` is the present state's."""

    status, code, title = 412, "PRECONDITION_FAILED", "It has changed since you read it"


class PayloadTooLarge(AppError):
    """The body is larger than any valid request."""

    status, code, title = 413, "PAYLOAD_TOO_LARGE", "The request body is too large"


class UnsupportedMediaType(AppError):
    """The body is not of a type this path takes: JSON nearly everywhere, a picture where photos are added."""

    status, code, title = 415, "UNSUPPORTED_MEDIA_TYPE", "This path does not take such a body"


class Invalid(AppError):
    """A field of the payload or the query is wrong; `errors` names each."""

    status, code, title = 422, "INVALID", "The input is not valid"


class PreconditionRequired(AppError):
    """The change needs If-Match with the ETag of what was read, so that nobody overwrites what they have not seen."""

    status, code, title = 428, "PRECONDITION_REQUIRED", "This change needs If-Match"


class TooManyRequests(AppError):
    """More than a limit allows in its time, or a lock-out; `retry_after_s` says when to come again."""

    status, code, title = 429, "TOO_MANY_REQUESTS", "Too many requests"


class Undeliverable(AppError):
    """A message was refused for good (a bad address, say): trying again will not help."""

    status, code, title = 502, "UNDELIVERABLE", "The message was refused"


class Unavailable(AppError):
    """A component is away; trying again later is right."""

    status, code, title = 503, "UNAVAILABLE", "The service is not available right now"


class CommitUnknown(Unavailable):
    """The connection was lost while committing: retry with the same Idempotency-Key to find out what happened."""

    code, title = "COMMIT_UNKNOWN", "It is not known whether the change was stored"


def every_error() -> Iterator[type[AppError]]:
    """Every class of the tree, for the documentation test and the OpenAPI document."""
    stack: list[type[AppError]] = [AppError]
    while stack:
        kind = stack.pop()
        yield kind
        stack.extend(sorted(kind.__subclasses__(), key=lambda child: child.code))
