"""The local mailbox keeps letters as the cloud's adapter hands them over."""

import email
import email.policy
import uuid
from datetime import UTC, datetime
from pathlib import Path

from shared.adapters.email import Attachment, Email, MailboxEmail
from shared.clock import ManualClock

CALENDAR = Attachment("booking.ics", "text/calendar; charset=utf-8; method=CANCEL", "BEGIN:VCALENDAR\r\nCafé".encode())


def test_a_calendar_file_keeps_its_method_and_charset(tmp_path: Path) -> None:
    sender = MailboxEmail(tmp_path, "noreply@x.test", ManualClock(datetime(2026, 3, 2, tzinfo=UTC)))
    sender.send(Email("ada@example.org", "Hello", "text", "<p>html</p>", (CALENDAR,)), operation_id=uuid.uuid4())
    (path,) = tmp_path.glob("*.eml")
    (part,) = email.message_from_bytes(path.read_bytes(), policy=email.policy.default).iter_attachments()
    assert part.get_content_type() == "text/calendar"
    assert part["Content-Type"].params == {"charset": "utf-8", "method": "CANCEL"}
    assert part.get_filename() == "booking.ics"
    assert part.get_content().encode() == CALENDAR.content
