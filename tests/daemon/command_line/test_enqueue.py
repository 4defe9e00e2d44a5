import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stoker.brokers.protocol import Broker
from stoker.jobs.operating import TypeInfo
from stoker.jobs.outcome import Done, Raised

Make = Callable[..., Any]


def test_a_job_is_put_in_and_its_id_is_printed(stoker: Make, broker: Make) -> None:
    answer = stoker("enqueue", "reports.generate", '{"kind": "monthly"}')
    assert (answer.status, answer.err) == (0, "")
    [job] = broker(lambda opened: opened.get([answer.out.strip()]))
    assert (job.type, bytes(job.payload)) == ("reports.generate", b'{"kind":"monthly"}')


def test_options_reach_the_job(stoker: Make, broker: Make) -> None:
    answer = stoker(
        "enqueue", "mail.send", "--queue", "mail", "--priority", "9", "--at", "2100-01-01T00:00:00Z",
        "--unique", "k", "--tag", "a", "--tag", "b", "--json",
    )  # fmt: skip
    assert answer.json["created"] is True
    [job] = broker(lambda opened: opened.get([answer.json["id"]]))
    assert (job.queue, job.priority, job.unique_key, job.tags) == ("mail", 9, "k", ("a", "b"))
    assert job.scheduled_at.year == 2100


def test_a_delay_counts_from_now(stoker: Make, broker: Make) -> None:
    id = stoker("enqueue", "mail.send", "--delay", "1h30m").out.strip()
    [job] = broker(lambda opened: opened.get([id]))
    assert 5390 < (job.scheduled_at - job.created_at).total_seconds() < 5410


def test_the_catalogue_gives_what_is_not_said(stoker: Make, broker: Make) -> None:
    info = TypeInfo(name="mail.send", queue="mail", priority=7)
    broker(lambda opened: opened.publish([info]))
    id = stoker("enqueue", "mail.send").out.strip()
    [job] = broker(lambda opened: opened.get([id]))
    assert (job.queue, job.priority) == ("mail", 7)


def test_a_unique_key_that_is_held_is_told(stoker: Make, broker: Make) -> None:
    first = stoker("enqueue", "mail.send", "--unique", "k").out
    answer = stoker("enqueue", "mail.send", "--unique", "k")
    assert (answer.status, answer.out) == (0, first)
    assert answer.err == f"stoker: job {first.strip()} stands for it: it holds 'k' already\n"
    assert stoker("enqueue", "mail.send", "--unique", "k", "--json").json["created"] is False


def test_arguments_can_come_from_standard_input(
    stoker: Make, broker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"to": "x"}'))
    id = stoker("enqueue", "mail.send", "-").out.strip()
    [job] = broker(lambda opened: opened.get([id]))
    assert bytes(job.payload) == b'{"to":"x"}'


def test_arguments_can_come_from_a_file(stoker: Make, broker: Make, folder: Path) -> None:
    (folder / "payload.json").write_text('{"to": "x"}')
    id = stoker("enqueue", "mail.send", "@payload.json").out.strip()
    [job] = broker(lambda opened: opened.get([id]))
    assert bytes(job.payload) == b'{"to":"x"}'
    answer = stoker("enqueue", "mail.send", "@none.json")
    assert (answer.status, answer.err) == (1, "stoker: none.json: no such file or directory\n")


@pytest.mark.parametrize(
    ("ending", "status", "out", "err"),
    [
        (Done(b'{"rows":5}'), 0, '{"rows":5}\n', ""),
        (Raised("E: x", for_good=True), 1, "", "(mail.send) failed: E: x\n"),
    ],
)
def test_who_waits_is_given_the_result(
    stoker: Make, broker: Make, end: Make, ending: Any, status: int, out: str, err: str
) -> None:
    def work() -> None:
        async def until_it_is_there(opened: Broker) -> None:
            async for _ in opened.wakeups():
                if (await opened.queues())[:1]:
                    return

        broker(until_it_is_there)
        end(ending)

    worker = threading.Thread(target=work)
    worker.start()
    answer = stoker("enqueue", "mail.send", "--wait")
    worker.join()
    assert (answer.status, answer.out) == (status, out)
    assert answer.err.endswith(err)


LIKE = """write an object by parameter, as '{"kind": "monthly"}'"""


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["mail.send", "{x"], 2,
         "the arguments are no JSON (JSON is malformed: object keys must be strings (byte 1)): "
         f"{LIKE}"),
        (["mail.send", "[1]"], 2, f"the arguments are no JSON object, but [1]: {LIKE}"),
        (["mail.send", "--at", "tomorrow"], 2,
         "--at is a time in ISO, as 2026-01-31T12:00:00Z, not 'tomorrow'; --delay takes a duration"),
        (["mail.send", "--at", "2100-01-01T00:00"], 1,
         "mail.send: at=2100-01-01T00:00:00 has no time zone: give an aware datetime"),
        (["mail.send", "--priority", "12"], 1,
         "mail.send: priority must lie between 0 and 9 (higher first), not 12"),
        (["mail.send", "--delay", "soon"], 1,
         "mail.send: delay: 'soon' is not a duration: write seconds, or text such as '5m' or '1h30m'"),
        (["a b"], 1,
         "type 'a b' is no name: 1 to 128 letters, digits and '_', '.', ':', '-'"),
    ],
)  # fmt: skip
def test_what_is_no_job_is_refused_in_one_sentence(
    stoker: Make, broker: Make, arguments: list[str], status: int, sentence: str
) -> None:
    answer = stoker("enqueue", *arguments)
    assert (answer.status, answer.out, answer.err) == (status, "", f"stoker: {sentence}\n")
    assert broker(lambda opened: opened.queues()) == []
