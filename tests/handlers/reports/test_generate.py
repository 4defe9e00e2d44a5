from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stoker.handlers import Fail
from stoker.handlers.reports.generate import Desk, generate, open_desk
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import ConfigError, InvalidPayload
from stoker.jobs.outcome import Cancel

MARCH = date(2026, 3, 17)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "reports")


def test_a_report_lies_under_the_name_of_its_kind_and_month(desk: Desk) -> None:
    report = generate(FakeContext(), "daily", MARCH, desk=desk)
    assert Path(report.path) == desk.folder / "transactions-daily-2026-03.csv"
    assert Path(report.path).is_file() and report.month == "2026-03"


def test_a_report_may_be_given_a_name(desk: Desk) -> None:
    report = generate(FakeContext(), "daily", MARCH, "xlsx", "board-meeting", desk=desk)
    assert Path(report.path) == desk.folder / "board-meeting.xlsx"


def test_a_name_that_leads_out_of_the_folder_fails_for_good(desk: Desk) -> None:
    with pytest.raises(Fail, match="no file name"):
        generate(FakeContext(), "daily", MARCH, "csv", "../../etc/cron.d/x", desk=desk)
    assert not desk.folder.exists()


def test_without_a_month_it_is_the_last_one_that_is_over(desk: Desk) -> None:
    report = generate(FakeContext(), "monthly", desk=desk)
    assert report.month < f"{date.today():%Y-%m}"


def test_a_cancelled_run_leaves_no_file(desk: Desk) -> None:
    ctx = FakeContext()
    ctx._cancel("enough")
    with pytest.raises(Cancel, match="enough"):
        generate(ctx, "daily", MARCH, desk=desk)
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize(("kind", "format"), [("hourly", "csv"), ("daily", "pdf")])
def test_an_unknown_kind_or_format_is_refused_when_binding(kind: str, format: str) -> None:
    with pytest.raises(InvalidPayload):
        generate.bind(kind, MARCH, format)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["STOKER_REPORTS_DIR", "STOKER_DATABASE_URL"])
def test_what_is_not_configured_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    monkeypatch.setenv("STOKER_REPORTS_DIR", str(tmp_path))
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/app.db")
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=f"{missing} is not set"), open_desk():
        pass


def test_a_database_without_the_data_set_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOKER_REPORTS_DIR", str(tmp_path))
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ConfigError, match="create_transactions"), open_desk():
        pass
