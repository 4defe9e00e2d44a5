from pathlib import Path

import pytest

from stoker.handlers.environment import required, setting
from stoker.jobs.errors import ConfigError


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("smtp://mail.example.org\n")
    monkeypatch.delenv("STOKER_SMTP_URL", raising=False)
    monkeypatch.setenv("STOKER_SMTP_URL_FILE", str(tmp_path / "secret"))
    assert setting("STOKER_SMTP_URL") == "smtp://mail.example.org"


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STOKER_SMTP_URL", raising=False)
    monkeypatch.setenv("STOKER_SMTP_URL_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match=r"STOKER_SMTP_URL_FILE.*nothing"):
        setting("STOKER_SMTP_URL")


def test_an_empty_variable_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOKER_SMTP_URL", " ")
    with pytest.raises(ConfigError, match="STOKER_SMTP_URL is not set"):
        required("STOKER_SMTP_URL", "smtp://…")
