from pathlib import Path

import pytest

from stoker.handlers.reports.writing import amount, report_path, safe_text
from stoker.jobs.errors import InvalidJob

FOLDER = Path("/reports")


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "/etc/passwd", "..", ".hidden", "a..b", "", "a\\b", "a\0b", "x" * 200],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidJob, match="no file name for a report"):
        report_path(FOLDER, name, "csv")


def test_the_suffix_is_that_of_the_format() -> None:
    assert report_path(FOLDER, "march", "xlsx") == FOLDER / "march.xlsx"
    assert report_path(FOLDER, "march.csv", "csv") == FOLDER / "march.csv"


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123456, "1234.56"), (-100, "-1.00")]
)
def test_cents_are_written_as_units_with_two_digits(cents: int, text: str) -> None:
    assert amount(cents) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_could_be_a_formula_becomes_text(start: str) -> None:
    assert safe_text(f"{start}1+1") == f"'{start}1+1"


def test_other_text_stays_as_it_is() -> None:
    assert safe_text("Alder = Books") == "Alder = Books"
