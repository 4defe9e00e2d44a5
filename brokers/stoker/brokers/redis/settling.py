"""Runs end: each settlement is written if its token is the current one, and says what became of it."""

from collections.abc import Sequence

from stoker.brokers.instant import micros
from stoker.brokers.keepable import UNFIT, fits, progress_of
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.reporting import beside, progress_fields
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.codec import storable
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import FINAL, MOVES, State

AT_ONCE = 200
"""Settlements of one script: the server does nothing else meanwhile."""
LARGEST_COUNT = 2**31
_VERDICTS: dict[int, Verdict] = {0: "lost", 1: "accepted", 2: "already", 3: "invalid"}


async def settle(
    server: Server, hints: Hints, settlements: Sequence[Settlement], keep_lines: int
) -> list[Verdict]:
    """Write these; see `Work.settle`."""

    async def ask(shard: int, settlements: Sequence[Settlement]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for begin in range(0, len(settlements), AT_ONCE):
            some = settlements[begin : begin + AT_ONCE]
            verdicts += await _settle(server, hints, some, keep_lines, shard)
        return verdicts

    return list(await server.shards.parted(settlements, _id, ask))


def _id(settlement: Settlement) -> str:
    return settlement.id


async def _settle(
    server: Server, hints: Hints, settlements: Sequence[Settlement], keep_lines: int, shard: int
) -> list[Verdict]:
    arguments: list[Argument] = [keep_lines]
    for settlement in settlements:
        try:
            arguments += _arguments(settlement, keep_lines)
        except UNFIT:
            arguments += _refused(settlement)
    hint = hints.may_hint()
    queues, verdicts = await server.run("settle", *arguments, shard=shard, hint=hint)
    hints.made_ready(queues, hinted=hint)
    return [_VERDICTS[verdict] for verdict in verdicts]


def _refused(settlement: Settlement) -> list[Argument]:
    """Invalid where its token stands; else it is as late as any other."""
    words = id_bytes(settlement.id), id_bytes(settlement.token)
    return [*words, "invalid", "", 0, 1, 0, *beside(None, (), 0, 0)]


def _arguments(settlement: Settlement, keep_lines: int) -> list[Argument]:
    """One settlement as settle.lua takes it. Raises one of UNFIT if it cannot be kept."""
    state = settlement.state
    if state not in MOVES[State.RUNNING] or not fits(settlement.result):
        raise ValueError("no state or result of a settlement")
    fields: list[Argument] = []
    for name in ("attempts", "crashes", "solo_deaths", "returns"):
        number = getattr(settlement, name)
        if not 0 <= number < LARGEST_COUNT:
            raise OverflowError(f"{name} is {number}")
        if number or name == "attempts":  # of the others, what is not there is 0
            fields += (name, number)
    for name, value in (("reason", settlement.reason), ("error", settlement.error)):
        if value is not None:
            fields += (name, storable(value).encode())
    fields += progress_fields(*progress_of(settlement.progress, settlement.progress_message))
    final = state in FINAL
    if final and settlement.result is not None:
        fields += ("result", settlement.result)
    return [
        id_bytes(settlement.id),
        id_bytes(settlement.token),
        str(state),
        "" if final else micros(settlement.delay),
        int(settlement.delay <= 0),
        int(settlement.begun),
        len(fields),
        *fields,
        *beside(settlement.run, settlement.logs, settlement.dropped_logs, keep_lines),
    ]
