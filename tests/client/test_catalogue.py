import asyncio

import pytest

from stoker.client.catalogue import KEPT, UNKNOWN_FOR, Catalogue
from stoker.jobs.clock import FakeClock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.operating import TypeInfo


class Published:
    """What daemons have published, and how often somebody has looked."""

    def __init__(self) -> None:
        self.types: dict[str, TypeInfo] = {"a": TypeInfo(name="a", queue="first")}
        self.looks = 0
        self.out = False

    async def read(self) -> dict[str, TypeInfo]:
        self.looks += 1
        await asyncio.sleep(0)
        if self.out:
            raise BrokerUnavailable("out")
        # Anew each time, as it comes out of a store.
        return {name: TypeInfo(name=name, queue=info.queue) for name, info in self.types.items()}


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def catalogue(published: Published, clock: FakeClock) -> Catalogue:
    return Catalogue(published.read, clock)


async def test_a_known_type_is_looked_up_once_in_a_while(
    catalogue: Catalogue, published: Published, clock: FakeClock
) -> None:
    for _ in range(3):
        found = await catalogue.find("a")
        assert found is not None and found.queue == "first"
    clock.advance(KEPT - 0.1)
    await catalogue.find("a")
    assert published.looks == 1
    published.types["a"] = TypeInfo(name="a", queue="second")
    clock.advance(0.2)
    found = await catalogue.find("a")
    assert found is not None and found.queue == "second"
    assert published.looks == 2


async def test_an_unknown_type_is_looked_for_at_once_but_not_all_the_time(
    catalogue: Catalogue, published: Published, clock: FakeClock
) -> None:
    await catalogue.find("a")
    clock.advance(UNKNOWN_FOR)
    published.types["b"] = TypeInfo(name="b")
    assert await catalogue.find("b") is not None
    assert await catalogue.find("c") is None
    assert await catalogue.find("c") is None
    assert published.looks == 2
    clock.advance(UNKNOWN_FOR)
    assert await catalogue.find("c") is None
    assert published.looks == 3


async def test_those_who_ask_at_once_share_one_look(catalogue: Catalogue, published: Published) -> None:
    found = await asyncio.gather(*(catalogue.find("a") for _ in range(20)))
    assert len({id(info) for info in found}) == 1
    assert published.looks == 1


async def test_a_type_that_says_the_same_stays_the_same_object(
    catalogue: Catalogue, clock: FakeClock
) -> None:
    first = await catalogue.find("a")
    clock.advance(KEPT)
    assert await catalogue.find("a") is first


async def test_a_type_that_is_gone_is_forgotten(
    catalogue: Catalogue, published: Published, clock: FakeClock
) -> None:
    await catalogue.find("a")
    del published.types["a"]
    clock.advance(KEPT)
    assert await catalogue.find("a") is None


async def test_a_look_that_failed_is_made_again(catalogue: Catalogue, published: Published) -> None:
    published.out = True
    with pytest.raises(BrokerUnavailable):
        await catalogue.find("a")
    published.out = False
    assert await catalogue.find("a") is not None
