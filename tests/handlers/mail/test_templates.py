from pathlib import Path

import pytest

from stoker.handlers.mail.message import InvalidMail
from stoker.handlers.mail.templates import SHIPPED, render

PARAMETERS = {"name": "Ann <b>", "link": "https://example.org"}


def test_a_template_gives_subject_text_and_html() -> None:
    rendered = render("welcome", PARAMETERS)
    assert rendered.subject == "Welcome, Ann <b>"
    assert rendered.text.startswith("Hello Ann <b>,")
    assert rendered.html is not None


def test_parameters_are_escaped_in_html() -> None:
    html = render("welcome", PARAMETERS).html
    assert html is not None and "Ann &lt;b&gt;" in html and "<b>" not in html


def test_ones_own_template_goes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "welcome.txt").write_text("Subject: Hi\n\nmine\n")
    assert render("welcome", {}, tmp_path).text == "mine\n"


@pytest.mark.parametrize("name", ["../welcome", "/etc/passwd", "welcome.txt", "", "Welcome"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidMail, match="no template name"):
        render(name, PARAMETERS)


def test_an_unknown_template_is_named() -> None:
    with pytest.raises(InvalidMail, match="there is no mail template 'nothing'"):
        render("nothing", PARAMETERS)


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidMail, match="needs a parameter 'link'"):
        render("welcome", {"name": "Ann"})


def test_every_shipped_template_begins_with_a_subject() -> None:
    files = list(SHIPPED.glob("*.txt"))
    assert len(files) >= 3
    assert all(file.read_text().startswith("Subject: ") for file in files)
