from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stoker.brokers.redis.claiming import Turns
from stoker.brokers.redis.shards import IN_CLUSTER, Shards
from stoker.jobs.patterns import QueueSet

ALL = QueueSet.parse(["*"])
NUMBERS = st.dictionaries(st.integers(0, IN_CLUSTER - 1), st.integers(1, 40), min_size=1)


@given(st.lists(st.tuples(NUMBERS, st.integers(1, 500)), max_size=20))
def test_shares_are_as_many_as_are_wanted_whatever_was_owed(
    claims: list[tuple[dict[int, int], int]],
) -> None:
    turns = Turns(Shards(IN_CLUSTER))
    for giving, limit in claims:
        shares = turns.shares(ALL, giving, limit)
        assert sum(shares.values()) == limit
        assert shares.keys() <= giving.keys() and min(shares.values()) > 0


@given(NUMBERS, st.integers(1, 50))
def test_in_the_long_run_each_queue_has_as_many_turns(giving: dict[int, int], limit: int) -> None:
    turns, taken, queues = Turns(Shards(IN_CLUSTER)), Counter[int](), sum(giving.values())
    for _ in range(queues):
        taken.update(turns.shares(ALL, giving, limit))
    for shard, number in giving.items():
        assert abs(taken[shard] - number * limit) <= len(giving)
