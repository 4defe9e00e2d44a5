"""Texts that may be shown to anybody: what is secret in a URL is masked."""

import re
from urllib.parse import urlsplit

MASK = "***"
_SECRET = re.compile(r"([?&][^=&]*(?:password|passwd|secret|token)[^=&]*=)[^&#]*", re.IGNORECASE)


def masked(text: str) -> str:
    """The text; if it is a URL, without its password and without parameters that look like one."""
    if "://" not in text:
        return text
    try:
        netloc = urlsplit(text).netloc
    except ValueError:
        return MASK
    user, at, _ = netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    if at and colon:
        text = text.replace(f"{user}@", f"{name}:{MASK}@", 1)
    return _SECRET.sub(rf"\g<1>{MASK}", text)
