"""Notifications by name: a template, its parameters, a mail.

A template is a text file `<name>.txt` whose first line is the subject, `Subject: …`, followed by an
empty line and the text; beside it there may be `<name>.html`. `$name` stands for a parameter.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

import msgspec

from stoker.handlers.mail.message import InvalidMail

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SHIPPED = Path(__file__).parent / "templates"


class Rendered(msgspec.Struct, frozen=True):
    """A template with its parameters filled in."""

    subject: str
    text: str
    html: str | None


def render(name: str, parameters: Mapping[str, object], folder: Path | None = None) -> Rendered:
    """The template of this name, from `folder` if it has one, else one of those that ship.

    Parameters are escaped in the HTML. Raises InvalidMail for a name that is not there, and for a
    parameter that the template needs and did not get.
    """
    if not _NAME.fullmatch(name):
        raise InvalidMail(f"{name!r} is no template name: lower-case letters, digits, '-' and '_'")
    for place in (folder, SHIPPED):
        if place is not None and (path := place / f"{name}.txt").is_file():
            return _render(name, path, parameters)
    raise InvalidMail(f"there is no mail template {name!r} ({name}.txt)")


def _render(name: str, path: Path, parameters: Mapping[str, object]) -> Rendered:
    head, _, body = path.read_text(encoding="utf-8").partition("\n")
    if not head.startswith("Subject:"):
        raise InvalidMail(f"mail template {path} must begin with a line 'Subject: …'")
    plain = {key: str(value) for key, value in parameters.items()}
    page = path.with_suffix(".html")
    try:
        return Rendered(
            subject=Template(head.removeprefix("Subject:").strip()).substitute(plain),
            text=Template(body.lstrip("\n")).substitute(plain),
            html=Template(page.read_text(encoding="utf-8")).substitute(
                {key: html.escape(value) for key, value in plain.items()}
            )
            if page.is_file()
            else None,
        )
    except KeyError as error:
        raise InvalidMail(f"mail template {name!r} needs a parameter {error.args[0]!r}") from None
    except ValueError as error:
        raise InvalidMail(f"mail template {path} is not right: {error}") from None
