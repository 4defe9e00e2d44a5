import asyncio
import contextvars
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from stoker.daemon.logs import enter_job
from stoker.jobs.events import RunStarted
from stoker.jobs.job import Claim

Make = Callable[..., Any]


def test_a_line_of_structlog_is_json_with_time_level_and_event_first(logs: Make) -> None:
    made = logs()
    structlog.get_logger().info("order paid", order=5)
    (line,) = made.lines()
    assert list(line) == ["timestamp", "level", "event", "order"]
    assert (line["level"], line["event"], line["order"]) == ("info", "order paid", 5)
    at = datetime.fromisoformat(line["timestamp"])
    assert at.utcoffset() == timedelta(0)
    assert line["timestamp"].endswith("Z")


def test_a_line_of_the_standard_library_goes_the_same_way(logs: Make) -> None:
    made = logs()
    logging.getLogger("app.orders").warning("order %s late", 5, extra={"customer": 7})
    (line,) = made.lines()
    assert line["event"] == "order 5 late"
    assert (line["level"], line["logger"], line["customer"]) == ("warning", "app.orders", 7)


def test_an_exception_is_logged_with_its_traceback(logs: Make) -> None:
    made = logs()
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("app").exception("did not work")
        structlog.get_logger().exception("nor did this")
    for line in made.lines():
        assert line["level"] == "error"
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ValueError: broken")


async def test_lines_within_a_run_carry_its_job(logs: Make, claim: Claim) -> None:
    made = logs()

    async def run() -> None:
        enter_job(claim)
        logging.getLogger("app").info("by logging")
        structlog.get_logger().info("by structlog")
        copied = contextvars.copy_context().run  # as the daemon gives it to a thread
        await asyncio.to_thread(copied, logging.getLogger("app").info, "in a thread")

    await asyncio.create_task(run())
    logging.getLogger("app").info("outside")
    *inside, outside = made.lines()
    assert [line["event"] for line in inside] == ["by logging", "by structlog", "in a thread"]
    for line in inside:
        assert (line["job_id"], line["job_type"], line["attempt"]) == (claim.id, "mail.send", 2)
    assert "job_id" not in outside


async def test_lines_of_two_runs_at_once_keep_apart(logs: Make, claim: Claim) -> None:
    made = logs()
    other = Claim(**{name: getattr(claim, name) for name in claim.__struct_fields__} | {"id": "other"})
    first_has_entered = asyncio.Event()

    async def first() -> None:
        enter_job(claim)
        first_has_entered.set()
        await second_has_logged.wait()
        structlog.get_logger().info("first")

    async def second() -> None:
        await first_has_entered.wait()
        enter_job(other)
        structlog.get_logger().info("second")
        second_has_logged.set()

    second_has_logged = asyncio.Event()
    await asyncio.gather(asyncio.create_task(first()), asyncio.create_task(second()))
    said = {line["event"]: line["job_id"] for line in made.lines()}
    assert said == {"second": "other", "first": claim.id}


def test_what_the_caller_says_of_a_job_stands(logs: Make, claim: Claim) -> None:
    made = logs()

    def run() -> None:
        enter_job(claim)
        structlog.get_logger().info("about another", job_id="other")

    contextvars.copy_context().run(run)
    (line,) = made.lines()
    assert (line["job_id"], line["job_type"]) == ("other", "mail.send")


def test_variables_bound_to_the_context_are_logged(logs: Make) -> None:
    made = logs()
    with structlog.contextvars.bound_contextvars(request="r1"):
        logging.getLogger("app").info("x")
        structlog.get_logger().info("y")
    assert [line["request"] for line in made.lines()] == ["r1", "r1"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_counts_for_every_logger(logs: Make, level: str, expected: list[str]) -> None:
    made = logs(level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)(name)
        getattr(logging.getLogger("app"), name)(name)
    assert [line["event"] for line in made.lines()] == [name for name in expected for _ in (1, 2)]


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800", "\ud800"),
        (float("nan"), None),
        ({1: {2: "x"}}, {"1": {"2": "x"}}),
        (2**70, 2**70),
        (b"\xff", "/w=="),
        (ValueError("x"), "ValueError('x')"),
        (Unshowable(), "a Unshowable that does not show itself"),
        ("a\nb", "a\nb"),
    ],
)
def test_whatever_is_logged_becomes_a_line_that_parses(logs: Make, value: Any, expected: Any) -> None:
    made = logs()
    structlog.get_logger().info("odd", value=value)
    (line,) = made.lines()
    assert line["value"] == expected


def test_a_field_whose_name_is_no_text_is_logged(logs: Make) -> None:
    made = logs()
    structlog.get_logger().info("odd", **{"a\ud800": 1})
    (line,) = made.lines()
    assert line["a\ud800"] == 1


def test_warnings_of_python_are_logged(logs: Make) -> None:
    made = logs()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("deprecated thing", DeprecationWarning, stacklevel=1)
    assert "deprecated thing" in made.lines()[0]["event"]


def test_lines_of_many_threads_do_not_interleave(logs: Make, claim: Claim) -> None:
    made = logs()
    count = 500

    def by_logging(number: int) -> None:
        for step in range(count):
            logging.getLogger("app").info("%s %s %s", number, step, "x" * 300)

    def by_structlog(number: int) -> None:
        for step in range(count):
            structlog.get_logger().info(f"{number} {step}", filler="y" * 3000)

    def by_events(number: int) -> None:
        for _ in range(count):
            made.emit(RunStarted(claim))

    threads = [
        threading.Thread(target=target, args=(number,))
        for number, target in enumerate((by_logging, by_structlog, by_events) * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = made.lines()
    assert len(lines) == count * len(threads)
    for number in (0, 3):
        said = [line["event"] for line in lines if line["event"].startswith(f"{number} ")]
        assert [int(text.split()[1]) for text in said] == list(range(count))
    assert sum(line["event"] == "run started" for line in lines) == 2 * count


def test_the_console_format_is_for_people(logs: Make, claim: Claim) -> None:
    made = logs(format="console")
    made.emit(RunStarted(claim))
    logging.getLogger("app").info("hello")
    started, hello = made.text().splitlines()
    assert "run started" in started
    assert f"job_id={claim.id} job_type=mail.send attempt=2 queue=mail" in started
    assert "hello" in hello
    assert "\x1b" not in started  # no colours where there is no terminal


def test_auto_is_json_where_there_is_no_terminal(logs: Make) -> None:
    made = logs(format="auto")
    structlog.get_logger().info("hello")
    assert made.lines()[0]["event"] == "hello"


def test_auto_is_the_console_format_on_a_terminal() -> None:
    script = (
        "import os, pty, sys\n"
        "pid, fd = pty.fork()\n"
        "if pid == 0:\n"
        "    import structlog\n"
        "    from stoker.daemon.logs import configure_logs\n"
        "    from stoker.daemon.settings import Log\n"
        "    log = configure_logs(Log())\n"
        "    structlog.get_logger().info('hello', x=1)\n"
        "    log.close()\n"
        "    os._exit(0)\n"
        "print(repr(os.read(fd, 65536)))\n"
        "os.waitpid(pid, 0)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert "hello" in said
    assert "\\x1b[" in said


def test_a_process_that_ends_writes_its_last_lines() -> None:
    script = (
        "import logging\n"
        "from stoker.daemon.logs import configure_logs\n"
        "from stoker.daemon.settings import Log\n"
        "configure_logs(Log(format='json'))\n"
        "for number in range(2000): logging.getLogger('app').info('%s', number)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    ).stderr
    assert [json.loads(line)["event"] for line in said.splitlines()] == [str(n) for n in range(2000)]
