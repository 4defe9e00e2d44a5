import random
from datetime import datetime, timedelta

from stoker.brokers.conformance.scheduling import HOUR, PAST, after, new_row
from stoker.brokers.memory.rows import Rows


def test_a_row_is_found_by_id_and_by_name() -> None:
    rows, row = Rows(), new_row("a")
    rows.put(row)
    assert rows.get(row.id) is row and rows.named("a") is row
    assert rows.get("other") is None and rows.named("b") is None


def test_a_row_that_was_taken_out_is_found_nowhere() -> None:
    rows, row = Rows(), new_row("a")
    rows.put(row)
    rows.remove(row.id)
    assert (len(rows), rows.get(row.id), rows.named("a")) == (0, None, None)
    assert (rows.page(None, 10), rows.due(PAST + HOUR, 10)) == ([], ([], None))


def test_a_row_that_never_comes_can_be_taken_out() -> None:
    rows, row = Rows(), new_row("a", next_at=None)
    rows.put(row)
    rows.remove(row.id)
    assert len(rows) == 0


def test_a_page_goes_on_behind_a_name_that_is_gone() -> None:
    rows = Rows()
    for name in "dbac":
        rows.put(new_row(name))
    rows.remove(new_row("b").id)
    assert [row.name for row in rows.page("b", 1)] == ["c"]


def test_it_does_as_a_list_that_is_sorted_each_time() -> None:
    chance, rows, known = random.Random(7), Rows(), dict[str, datetime | None]()
    for _ in range(3000):
        row = new_row(str(chance.randrange(40)))
        if row.id in known and chance.random() < 0.3:
            rows.remove(row.id)
            del known[row.id]
        else:
            at = chance.choice([None, *(PAST + number * HOUR for number in range(5))])
            rows.put(after(row, next_at=at))
            known[row.id] = at
        now, limit = PAST + chance.randrange(-1, 5) * HOUR, chance.randrange(6)
        order = sorted((at, id) for id, at in known.items() if at is not None)
        due = [id for at, id in order if at <= now][:limit]
        found, later = rows.due(now, limit)
        assert [row.id for row in found] == due
        assert later == (order[len(due)][0] if len(due) < len(order) else None)
        assert len(rows) == len(known)


def test_what_is_due_is_so_at_its_very_time() -> None:
    rows = Rows()
    rows.put(new_row("a", next_at=PAST))
    assert rows.due(PAST - timedelta(microseconds=1), 1) == ([], PAST)
    assert len(rows.due(PAST, 1)[0]) == 1
