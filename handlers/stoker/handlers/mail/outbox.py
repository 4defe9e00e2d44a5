"""The outbox: mails as rows, written with the application's own data, sent later.

One row is one mail. `claimed_by` and `claimed_until` say which run is at it, so that two runs never
send the same row; a claim whose run has died lapses, and the row is due again.
"""

import platform
import uuid
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stoker.handlers.database import UtcDateTime
from stoker.handlers.mail.message import InvalidMail, Mail, check_line, check_mail, message_id

MAX_KEY = 200
DEFAULT_PRIORITY = 5
DEFAULT_MAX_ATTEMPTS = 6

outbox = Table(
    "mail_outbox",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("recipients", JSON, nullable=False),
    Column("delivered", JSON, nullable=False),  # recipients who have it already
    Column("sender", Text),
    Column("reply_to", Text),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text),
    Column("priority", SmallInteger, nullable=False),  # 0-9, higher first
    Column("status", String(8), nullable=False),  # pending, sent, failed
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_error", Text),
    Column("message_id", Text, nullable=False),
    Column("idempotency_key", String(MAX_KEY), unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("claimed_by", String(64)),
    Column("claimed_until", UtcDateTime),
)
Index(
    "mail_outbox_due",
    outbox.c.priority.desc(),
    outbox.c.next_attempt_at,
    outbox.c.id,
    postgresql_where=outbox.c.status == "pending",
    sqlite_where=outbox.c.status == "pending",
)


def create_outbox(engine: Engine) -> None:
    """Create the table `mail_outbox` and its index, unless they are there."""
    outbox.metadata.create_all(engine)


def queue_mail(
    connection: Connection | Session,
    mail: Mail,
    *,
    priority: int = DEFAULT_PRIORITY,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    not_before: datetime | None = None,
    key: str | None = None,
) -> int:
    """Put a mail into the outbox within the caller's own transaction; answers the row's id.

    Nothing is committed here: the mail is sent if, and only if, the caller's transaction commits. A
    `key` that the outbox knows changes nothing and answers the row that stands. With an async
    connection: `await connection.run_sync(queue_mail, mail)`. Raises InvalidMail.
    """
    row = outbox_row(mail, priority, max_attempts, not_before, key)
    if key is None:
        return _new_id(connection, row)
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    dialect = postgresql if bind.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(outbox).values(row)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["idempotency_key"]))
    found = connection.execute(select(outbox.c.id).where(outbox.c.idempotency_key == key)).scalar_one()
    return int(found)


def outbox_row(
    mail: Mail, priority: int, max_attempts: int, not_before: datetime | None, key: str | None
) -> dict[str, object]:
    """The checked row for a mail."""
    mail = check_mail(mail)
    if isinstance(priority, bool) or not 0 <= priority <= 9:
        raise InvalidMail(f"a mail's priority lies between 0 and 9 (higher first), not {priority}")
    if max_attempts < 1:
        raise InvalidMail(f"max_attempts counts sendings, so it is at least 1, not {max_attempts}")
    if not_before is not None and not_before.tzinfo is None:
        raise InvalidMail(f"not_before={not_before.isoformat()} has no time zone")
    if key is not None and not check_line(key, "key", MAX_KEY):
        raise InvalidMail("a key has at least one character")
    now = datetime.now(UTC)
    return {
        "recipients": list(mail.to),
        "delivered": [],
        "sender": mail.sender,
        "reply_to": mail.reply_to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "priority": priority,
        "status": "pending",
        "attempts": 0,
        "max_attempts": max_attempts,
        "next_attempt_at": not_before or now,
        "message_id": message_id(key or str(uuid.uuid4()), mail.sender or _here()),
        "idempotency_key": key,
        "created_at": now,
    }


def _new_id(connection: Connection | Session, row: dict[str, object]) -> int:
    return int(connection.execute(insert(outbox).values(row).returning(outbox.c.id)).scalar_one())


def _here() -> str:
    """A sender's stand-in for the right side of a Message-ID, where the mail names none."""
    host = platform.node()
    return f"outbox@{host if host.isascii() and '.' in host else 'localhost.localdomain'}"
