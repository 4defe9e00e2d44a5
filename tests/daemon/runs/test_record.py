import sys
import threading
from typing import Any

import pytest

from stoker.daemon.runs.record import Record


@pytest.fixture
def record(claim: Any) -> Any:
    def make(max_logs: int = 100, **more: Any) -> Record:
        return Record(claim(**more), None, lane="lane:a", max_logs=max_logs)

    return make


def lines(news: Any) -> list[str]:
    return [line.message for line in news.logs]


def test_news_name_the_run_that_they_are_of(record) -> None:
    one = record(attempts=2)
    one.log(one.claim, "hello", "warning")
    news = one.take_news()
    assert (news.id, news.token) == (one.claim.id, one.claim.token)
    [line] = news.logs
    assert (line.message, line.level, line.attempt) == ("hello", "warning", 2)


def test_the_newest_progress_wins(record) -> None:
    one = record()
    one.progress(one.claim, 10, "starting")
    one.progress(one.claim, 90.5, "nearly done")
    news = one.take_news()
    assert (news.progress, news.progress_message) == (90.5, "nearly done")


def test_news_are_told_once(record) -> None:
    one = record()
    one.progress(one.claim, 10, None)
    one.log(one.claim, "hello", "info")
    assert one.has_news
    one.take_news()
    assert not one.has_news
    again = one.take_news()
    assert (again.progress, again.logs, again.dropped_logs) == (None, (), 0)


def test_of_more_lines_than_are_kept_the_newest_count(record) -> None:
    one = record(max_logs=2)
    for number in range(5):
        one.log(one.claim, f"line {number}", "info")
    news = one.take_news()
    assert (lines(news), news.dropped_logs) == (["line 3", "line 4"], 3)


def test_where_no_lines_are_kept_they_are_counted(record) -> None:
    one = record(max_logs=0)
    one.log(one.claim, "hello", "info")
    assert one.has_news
    assert (one.take_news().dropped_logs, one.has_news) == (1, False)


def test_news_that_were_put_back_are_there_again_before_what_came_since(record) -> None:
    one = record()
    one.log(one.claim, "a", "info")
    one.log(one.claim, "b", "info")
    news = one.take_news()
    one.log(one.claim, "c", "info")
    one.put_back(news)
    assert lines(one.take_news()) == ["a", "b", "c"]


def test_progress_that_was_put_back_gives_way_to_newer(record) -> None:
    one = record()
    one.progress(one.claim, 10, "old")
    news = one.take_news()
    one.progress(one.claim, 20, "new")
    one.put_back(news)
    assert one.take_news().progress == 20
    one.put_back(news)
    assert one.take_news().progress == 10


def test_news_that_are_put_back_again_and_again_do_not_grow_without_bound(record) -> None:
    one = record(max_logs=3)
    for number in range(10):  # an outage of ten flushes, two lines in each
        news = one.take_news()
        one.log(one.claim, f"{number}a", "info")
        one.log(one.claim, f"{number}b", "info")
        one.put_back(news)
    news = one.take_news()
    assert (lines(news), news.dropped_logs) == (["8b", "9a", "9b"], 17)


def test_what_a_store_cannot_keep_is_made_storable(record) -> None:
    one = record()
    one.log(one.claim, "a\0b\ud800", "info")
    one.progress(one.claim, 10, "a\0b")
    news = one.take_news()
    assert lines(news) == ["a\ufffdb?"]
    assert news.progress_message == "a\ufffdb"


def test_news_from_several_threads_are_all_told_once(record) -> None:
    one = record(max_logs=3)
    threads, count = 4, 2000
    logged = dropped = 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # else they would hardly ever meet
    try:

        def talk() -> None:
            for number in range(count):
                one.log(one.claim, f"{number}", "info")

        talking = [threading.Thread(target=talk) for _ in range(threads)]
        for thread in talking:
            thread.start()
        while any(thread.is_alive() for thread in talking) or one.has_news:
            news = one.take_news()
            logged += len(news.logs)
            dropped += news.dropped_logs
    finally:
        sys.setswitchinterval(interval)
    assert logged + dropped == threads * count
