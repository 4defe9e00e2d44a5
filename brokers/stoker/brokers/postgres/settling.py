"""Runs end: each settlement is written if its token is the current one, and says what became of it."""

import math
from collections.abc import Sequence

import msgspec

from stoker.brokers.keepable import UNFIT, fits, progress_of, text_or_none
from stoker.brokers.postgres.completing import Key, complete, is_plain
from stoker.brokers.postgres.failures import UNSTORABLE
from stoker.brokers.postgres.literals import numbers, plain, texts
from stoker.brokers.postgres.records import ended_since, is_id, whole_number
from stoker.brokers.postgres.reporting import add_lines, add_runs, fit_lines, fit_run
from stoker.brokers.postgres.session import Rows, Session
from stoker.brokers.postgres.telling import IDS_PER_LETTER
from stoker.jobs.codec import storable
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import FINAL, MOVES, WAITING, State

LONGEST_DELAY = 1e9
"""Seconds; the column of times ends some hundred thousand years later."""
LOCKED_FOR = 2000
"""Milliseconds that a settlement waits for a transaction which has its job locked; then the whole batch
is to be sent again, and its mates, which stand already, are answered so."""


async def settle(
    session: Session, settlements: Sequence[Settlement], keep: int, *, waits: bool = False
) -> list[Verdict]:
    """Write these; see `Work.settle`. `keep` is how many log lines a job keeps.

    With `waits`, which is for a caller's transaction, nothing that somebody has locked is passed over.
    """
    token_of = {each.id: each.token for each in settlements}
    if any(token_of[each.id] != each.token for each in settlements):
        # One run of a job and a former one of it: what is said of one depends on the other.
        return [(await settle(session, [each], keep, waits=waits))[0] for each in settlements]
    common: dict[Key, Settlement] = {}
    others: dict[Key, Settlement] = {}
    storable_ones = []
    for each in settlements:
        key, fit = (each.id, each.token), _fit(each)
        storable_ones.append(fit is not None)
        if fit is not None and key not in common and key not in others:
            (common if fit is each and not waits else others)[key] = fit
    verdicts = await _write_common(session, common, others)
    verdicts |= await _write(session, others, keep, waits)
    rest = [each for each in settlements if (each.id, each.token) not in verdicts]
    if rest:
        verdicts |= await _others(session, rest, common | others, keep)
    answers: list[Verdict] = []
    for each, is_storable in zip(settlements, storable_ones, strict=True):
        key = each.id, each.token
        if not is_storable and verdicts[key] == "accepted":
            answers.append("invalid")  # a later one of this run was not
            continue
        answers.append(verdicts[key])
        if verdicts[key] == "accepted":
            verdicts[key] = "already"
    return answers


async def _others(
    session: Session, rest: Sequence[Settlement], fit: dict[Key, Settlement], keep: int
) -> dict[Key, Verdict]:
    """What became of those that were not written at once; waits for who has locked one."""
    standing = await standing_of(session, [each.id for each in rest])
    verdicts: dict[Key, Verdict] = {}
    locked: dict[Key, Settlement] = {}
    for each in rest:
        key = each.id, each.token
        token, settled_token = standing.get(each.id, (None, None))
        if token == each.token:
            if key in fit:
                locked[key] = fit[key]
            verdicts[key] = "invalid"
        else:
            verdicts[key] = "already" if settled_token == each.token else "lost"
    if locked:
        verdicts |= await _write(session, locked, keep, True)
        left = [each for key, each in locked.items() if verdicts[key] == "invalid"]
        if left:
            standing = await standing_of(session, [each.id for each in left])
            for each in left:
                settled_token = standing.get(each.id, (None, None))[1]
                verdicts[each.id, each.token] = "already" if settled_token == each.token else "lost"
    return verdicts


async def standing_of(session: Session, ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Current and last settled token of jobs, by id; unknown ones are missing."""
    asked = sorted({id for id in ids if is_id(id)})
    if not asked:
        return {}
    rows = await session.rows(session.sql.standing, plain(asked), ended_since(asked))
    return {row[0]: (row[1], row[2]) for row in rows}


async def _write_common(
    session: Session, common: dict[Key, Settlement], others: dict[Key, Settlement]
) -> dict[Key, Verdict]:
    """Those that one short statement can write; if it cannot, they are among the others."""
    try:
        return dict.fromkeys(await complete(session, common.values()), "accepted")
    except UNSTORABLE:
        others |= common
        return {}


async def _write(
    session: Session, fit: dict[Key, Settlement], keep: int, waits: bool
) -> dict[Key, Verdict]:
    if not fit:
        return {}
    try:
        return await _write_all(session, fit, keep, waits)
    except UNSTORABLE:
        if len(fit) == 1:
            return dict.fromkeys(fit, "invalid")
    verdicts: dict[Key, Verdict] = {}
    for key, each in fit.items():
        verdicts |= await _write(session, {key: each}, keep, waits)
    return verdicts


async def _write_all(
    session: Session, fit: dict[Key, Settlement], keep: int, waits: bool
) -> dict[Key, Verdict]:
    beside = any(each.run is not None or each.logs for each in fit.values())
    if not beside and not waits:
        rows = await session.rows(session.sql.settle, *_columns(fit), keep)
    else:
        async with session.whole():
            if waits:
                await session.wait_at_most(LOCKED_FOR)
                await session.rows(session.sql.lock, plain(id for id, _ in sorted(fit)))
            rows = await session.rows(session.sql.settle, *_columns(fit), keep)
            await _keep_beside(session, fit, rows, keep)
    waited_for = []
    for id, _, _, queue, state, ready, awaited, *_ in rows:
        if state in WAITING:
            if ready:
                session.notes.ready.add(queue)
        elif awaited:
            waited_for.append(id)
    if len(waited_for) > IDS_PER_LETTER:  # too many for the statement's own letter
        session.notes.settled += waited_for
    return {(row[0], row[1]): "accepted" for row in rows}


async def _keep_beside(session: Session, fit: dict[Key, Settlement], rows: Rows, keep: int) -> None:
    runs, lines = {}, []
    for id, token, seq, _, _, _, _, before, _ in rows:
        each = fit[id, token]
        if each.run is not None:
            runs[id, seq] = each.run
        if each.logs:
            lines.append((seq, before, each.logs))
    await add_runs(session, runs)
    await add_lines(session, lines, keep)


def _columns(fit: dict[Key, Settlement]) -> tuple[str, ...]:
    # In the order of their ids, in which everybody locks rows.
    given = [fit[key] for key in sorted(fit)]
    return (
        plain(each.id for each in given),
        texts(each.token for each in given),
        plain(each.state for each in given),
        plain(each.attempts for each in given),
        plain(each.crashes for each in given),
        plain(each.solo_deaths for each in given),
        plain(each.returns for each in given),
        plain(each.begun for each in given),
        plain(each.delay for each in given),
        texts(each.reason for each in given),
        texts(each.error for each in given),
        texts(None if each.result is None else each.result.decode() for each in given),
        numbers(each.progress for each in given),
        texts(each.progress_message for each in given),
        plain(len(each.logs) for each in given),
        plain(each.dropped_logs for each in given),
    )


def _fit(settlement: Settlement) -> Settlement | None:
    """As it can be kept, a plain one being given back itself; None if it cannot be."""
    state = settlement.state
    if state not in MOVES[State.RUNNING] or not fits(settlement.result) or not is_id(settlement.id):
        return None
    if is_plain(settlement):
        return settlement
    if storable(settlement.token) != settlement.token:
        return None
    progress, message = progress_of(settlement.progress, settlement.progress_message)
    try:
        for count in (settlement.attempts, settlement.crashes, settlement.solo_deaths):
            whole_number(count)
        whole_number(settlement.returns)
        whole_number(settlement.dropped_logs)
        if math.isnan(settlement.delay):
            raise ValueError("a delay is a number")
        return msgspec.structs.replace(
            settlement,
            delay=0.0 if state in FINAL else max(0.0, min(settlement.delay, LONGEST_DELAY)),
            reason=text_or_none(settlement.reason),
            error=text_or_none(settlement.error),
            result=settlement.result if state in FINAL else None,
            progress=progress,
            progress_message=message,
            logs=tuple(fit_lines(settlement.logs)),
            run=None if settlement.run is None else fit_run(settlement.run),
        )
    except UNFIT:
        return None
