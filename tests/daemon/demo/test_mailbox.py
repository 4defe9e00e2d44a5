from stoker.daemon.demo.mailbox import open_mailbox
from stoker.handlers.mail.mailer import Mailer
from stoker.handlers.mail.smtp_url import parse_smtp_url


async def test_mails_are_counted_by_message_id_and_recipient() -> None:
    async with open_mailbox() as mailbox:
        mailer = Mailer(parse_smtp_url(f"smtp+plain://127.0.0.1:{mailbox.port}"))
        content = b"Message-ID: <1@x>\r\nSubject: s\r\n\r\ntext\r\n"
        for _ in range(2):
            await mailer.deliver("s@x.org", ["a@x.org", "b@x.org", "nobody@x.org"], content)
        await mailer.close()
    assert mailbox.received == {("<1@x>", "a@x.org"): 2, ("<1@x>", "b@x.org"): 2}
