from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import msgspec
import pytest

from stoker.handlers.mail.message import InvalidMail, Mail, check_mail, compose, message_id

MAIL = Mail(to=("ann@example.org",), subject="Hello", text="Good day")
DATE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def composed(mail: Mail = MAIL, identity: str = "<1@example.org>"):
    data = compose(mail, sender="Shop <shop@example.org>", message_id=identity, date=DATE)
    return data, message_from_bytes(data, policy=default)


@pytest.mark.parametrize("field", ["to", "subject", "sender", "reply_to"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\0"])
def test_a_line_break_in_a_header_is_refused(field: str, line_break: str) -> None:
    evil = f"ann@example.org{line_break}Bcc: victim@example.org"
    value = (evil,) if field == "to" else evil
    with pytest.raises(InvalidMail, match="recipient" if field == "to" else field):
        check_mail(msgspec.structs.replace(MAIL, **{field: value}))


def test_a_line_break_in_the_message_id_is_refused() -> None:
    with pytest.raises(InvalidMail, match="message_id"):
        composed(identity="<1@x>\r\nBcc: victim@example.org")


def test_a_line_that_looks_like_a_header_stays_in_the_body() -> None:
    _, message = composed(msgspec.structs.replace(MAIL, text="Bcc: victim@example.org\n\n.\nend"))
    assert message["Bcc"] is None
    assert "Bcc: victim" in message.get_content()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "a@b@c",
        "ann@exa mple.org",
        "ann@-x.org",
        "a..b@x.org",
        "Ann <ann@example.org>",
        "ann@example.org, bob@example.org",
        "ann@" + "x" * 250,
        "ä@example.org",
    ],
)
def test_what_is_no_bare_address_is_refused_as_recipient(address: str) -> None:
    with pytest.raises(InvalidMail, match="is no address"):
        check_mail(msgspec.structs.replace(MAIL, to=(address,)))


def test_a_recipient_named_twice_gets_it_once() -> None:
    mail = msgspec.structs.replace(MAIL, to=("ann@example.org", "ann@EXAMPLE.org"))
    assert check_mail(mail).to == ("ann@example.org",)


def test_a_domain_outside_ascii_travels_in_its_ascii_form() -> None:
    mail = msgspec.structs.replace(MAIL, to=("ann@bücher.example",))
    assert check_mail(mail).to == ("ann@xn--bcher-kva.example",)


@pytest.mark.parametrize("to", [(), tuple(f"a{n}@x.org" for n in range(101))])
def test_none_and_too_many_recipients_are_refused(to: tuple[str, ...]) -> None:
    with pytest.raises(InvalidMail, match="recipient"):
        check_mail(msgspec.structs.replace(MAIL, to=to))


def test_subject_and_bodies_outside_ascii_come_through_in_seven_bits() -> None:
    mail = msgspec.structs.replace(MAIL, subject="Größe 📦", text="Grüße 📦", html="<b>Grüße</b>")
    data, message = composed(mail)
    assert data.isascii()
    assert message["Subject"] == "Größe 📦"
    assert message.get_body(("plain",)).get_content().strip() == "Grüße 📦"
    assert message.get_body(("html",)).get_content().strip() == "<b>Grüße</b>"


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidMail, match="surrogate"):
        check_mail(msgspec.structs.replace(MAIL, text="\ud800"))


def test_the_message_id_of_one_job_is_always_the_same() -> None:
    job = "0197c7c5-5c11-7f42-a000-0000000000aa"
    assert message_id(job, "Shop <shop@Example.org>") == f"<{job}@example.org>"


def test_a_message_id_from_any_key_is_one_atom() -> None:
    identity = message_id('order "1" <\r\n>', "shop@example.org")
    assert identity.startswith("<") and identity.endswith("@example.org>")
    assert identity[1:41].isalnum()
