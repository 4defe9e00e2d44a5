"""A mail as data, what may stand in it, and its form on the wire. Pure."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr

import msgspec

from stoker.jobs.errors import InvalidJob

MAX_ADDRESS = 254
MAX_SUBJECT = 998
MAX_RECIPIENTS = 100
"""What every SMTP server must take in one go (RFC 5321, section 4.5.3.1.8)."""

_POLICY = SMTP.clone(cte_type="7bit")  # not every server takes eight bits
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InvalidMail(InvalidJob):
    """This cannot become a mail; the text says which part and what would be right."""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail to one or more recipients, all of whom see each other."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    """May carry a name: `Shop <shop@example.org>`. None leaves it to STOKER_MAIL_FROM."""
    reply_to: str | None = None


def check_mail(mail: Mail) -> Mail:
    """The mail with its recipients' domains in ASCII, each only once. Raises InvalidMail."""
    if not mail.to:
        raise InvalidMail("a mail needs at least one recipient")
    if len(mail.to) > MAX_RECIPIENTS:
        raise InvalidMail(f"a mail has at most {MAX_RECIPIENTS} recipients, not {len(mail.to)}")
    recipients = tuple(dict.fromkeys(check_address(one, "recipient") for one in mail.to))
    check_line(mail.subject, "subject", MAX_SUBJECT)
    for what, text in (("sender", mail.sender), ("reply_to", mail.reply_to)):
        if text is not None:
            check_mailbox(text, what)
    for what, body in (("text", mail.text), ("html", mail.html or "")):
        if "\0" in body:
            raise InvalidMail(f"the mail's {what} holds a NUL character")
        if any("\ud800" <= character <= "\udfff" for character in body):
            raise InvalidMail(f"the mail's {what} holds a lone surrogate")
    return msgspec.structs.replace(mail, to=recipients)


def check_line(text: str, what: str, limit: int) -> str:
    """The text, if it can stand in a header: a line break in it could add headers of its own."""
    if found := _CONTROL.search(text):
        raise InvalidMail(f"the mail's {what} holds a control character ({found[0]!r})")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidMail(f"the mail's {what} holds a lone surrogate")
    if len(text) > limit:
        raise InvalidMail(f"the mail's {what} has {len(text)} characters, more than {limit}")
    return text


def check_address(address: str, what: str) -> str:
    """The bare address `local@domain`, its domain in ASCII. Raises InvalidMail for anything else."""
    wrong = f"the mail's {what} {address!r} is no address: write it as name@example.org"
    if _CONTROL.search(address) or len(address) > MAX_ADDRESS or address.count("@") != 1:
        raise InvalidMail(wrong)
    local, _, domain = address.partition("@")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise InvalidMail(wrong)
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidMail(wrong) from None
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        raise InvalidMail(wrong)
    return f"{local}@{ascii_domain.lower()}"


def check_mailbox(text: str, what: str) -> tuple[str, str]:
    """Name (perhaps empty) and address, of `Name <name@example.org>` or a bare address."""
    check_line(text, what, MAX_SUBJECT)
    name, address = parseaddr(text)
    return name, check_address(address or text, what)


def message_id(unique: str, sender: str) -> str:
    """The Message-ID for what `unique` names (a job's id, a key): the same each time it is asked.

    So a second delivery of the same mail, which no sender can rule out, is recognised as one.
    """
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,60}", unique):
        unique = hashlib.blake2b(unique.encode(), digest_size=20).hexdigest()
    domain = check_mailbox(sender, "sender")[1].partition("@")[2]
    return f"<{unique}@{domain}>"


def compose(mail: Mail, *, sender: str, message_id: str, date: datetime) -> bytes:
    """The message as it goes over the wire: CRLF lines, 7 bit. `mail` has passed `check_mail`."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = formataddr(check_mailbox(sender, "sender"))
    message["To"] = ", ".join(mail.to)
    if mail.reply_to is not None:
        message["Reply-To"] = formataddr(check_mailbox(mail.reply_to, "reply_to"))
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = check_line(message_id, "message_id", MAX_SUBJECT)
    # Holiday replies and the like are not for programs (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message.as_bytes()


def as_tuple(to: str | Sequence[str]) -> tuple[str, ...]:
    """Recipients as handlers take them: one address, or several."""
    return (to,) if isinstance(to, str) else tuple(to)
