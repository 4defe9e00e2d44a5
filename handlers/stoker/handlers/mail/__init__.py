"""Mails: the handlers `mail.send`, `mail.send_outbox` and `mail.notify`.

Configured by STOKER_SMTP_URL, STOKER_MAIL_FROM, STOKER_DATABASE_URL (for the outbox) and
STOKER_MAIL_TEMPLATES (a folder of one's own templates); needs the extra `stoker[handlers]`. An
application puts mails into the outbox with `stoker.handlers.mail.outbox.queue_mail`.
"""

from importlib.util import find_spec

from stoker.jobs.errors import MissingExtra

if not (find_spec("sqlalchemy") and find_spec("aiosmtplib")):
    raise MissingExtra("stoker.handlers.mail", "handlers")
