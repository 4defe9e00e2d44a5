import pytest

from stoker.daemon.queue_sets import lanes_of
from stoker.daemon.settings import QueueLimit


def test_patterns_share_one_lane_without_a_bound() -> None:
    [(name, queues, limit)] = lanes_of(["mail", "reports.*"])
    assert (name, limit) == ("mail,reports.*", None)
    assert "mail" in queues and "reports.big" in queues and "pdf" not in queues


def test_a_queue_with_a_limit_has_a_lane_of_its_own_that_the_others_leave_out() -> None:
    general, pdf = lanes_of(["*", QueueLimit(name="pdf", limit=2)])
    assert general[2] is None and "mail" in general[1] and "pdf" not in general[1]
    assert pdf[2] == 2 and "pdf" in pdf[1] and "mail" not in pdf[1]


def test_only_limits_leave_no_general_lane() -> None:
    assert [limit for _, _, limit in lanes_of([QueueLimit(name="pdf", limit=2)])] == [2]


def test_what_is_left_out_is_in_no_lane() -> None:
    lanes = lanes_of(["*", "!tmp.*", QueueLimit(name="tmp.*", limit=1), QueueLimit(name="t*", limit=1)])
    assert not any("tmp.a" in queues for _, queues, _ in lanes)


def test_only_exclusions_mean_all_but_those() -> None:
    [(_, queues, _)] = lanes_of(["!pdf"])
    assert "mail" in queues and "pdf" not in queues


@pytest.mark.parametrize("queue", ["a.b", "a.c", "b"])
def test_limited_patterns_that_overlap_share_no_queue(queue: str) -> None:
    lanes = lanes_of([QueueLimit(name="a.*", limit=1), QueueLimit(name="*", limit=2)])
    assert sum(queue in queues for _, queues, _ in lanes) == 1
