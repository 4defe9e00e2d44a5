"""Whatever is written, it is a calendar or one sentence, and neither takes long."""

from datetime import UTC, datetime
from itertools import pairwise
from time import process_time
from zoneinfo import available_timezones

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stoker.jobs.calendar import calendar
from stoker.jobs.errors import InvalidSchedule

SOON = 0.5
"""Seconds of this process."""

pieces = st.sampled_from(
    [*"0123456789*/-,LRHW#?@ \t\n", "mon", "sun", "jan", "every ", "59", "31", "٣"]
)
nearly_fields = st.lists(pieces, min_size=1, max_size=8).map("".join)
nearly_lines = st.lists(nearly_fields, min_size=4, max_size=7).map(" ".join)
nearly_periods = st.text("0123456789.smhdwe- ", max_size=30).map("every {}".format)

small = st.integers(1, 6)  # which every field takes
values = st.one_of(small, small, small, st.integers(0, 70)).map(str)
parts = st.one_of(
    st.just("*"),
    values,
    st.builds("{}-{}".format, values, values),
    st.builds("*/{}".format, values),
    st.builds("{}-{}/{}".format, values, values, values),
    st.sampled_from(["L", "mon", "sun-sat", "feb"]),
)
fields = st.lists(parts, min_size=1, max_size=3).map(",".join)
plausible_lines = st.lists(fields, min_size=5, max_size=6).map(" ".join)

# A year and more from the ends, whatever the zone; `test_calendar` goes to the ends themselves.
instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))


def refused(line: str, zone: str) -> bool:
    """Raises anything but the one error, whose text is one short line."""
    begun = process_time()
    try:
        calendar(line, zone)
    except InvalidSchedule as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
        return True
    finally:
        assert process_time() - begun < SOON
    return False


@given(st.one_of(st.text(max_size=2000), nearly_lines, nearly_periods))
@example("every " + "9" * 900)
@example("9" * 900 + " * * * *")
@example("0,0," * 240 + "0 * * * *")
@example("@" * 900)
@example("\ud800 * * * *")
@example("*\N{NO-BREAK SPACE}* * * *")
@example("İ * * * *")  # one that gets longer in lower case
def test_any_text_is_a_line_or_is_refused_in_a_sentence(line: str) -> None:
    refused(line, "UTC")


@given(st.text(max_size=300))
@example("tzdata.zi")
@example("Europe/../Europe/Vienna")
@example("C:\\Europe")
def test_any_text_is_a_zone_or_is_refused_in_a_sentence(zone: str) -> None:
    refused("0 3 * * *", zone)


@settings(max_examples=300, deadline=None)
@given(plausible_lines, zones, instants)
@example("0 0 29 2 */7", "UTC", datetime(2096, 1, 1, tzinfo=UTC))
@example("59 59 23 31 12 *", "Pacific/Apia", datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC))
def test_what_is_a_line_has_slots_in_order_or_none_at_all(line: str, zone: str, at: datetime) -> None:
    if refused(line, zone):
        return
    begun = process_time()
    times = calendar(line, zone)
    following, latest = times.after(at), times.until(at)
    assert process_time() - begun < SOON
    assert following is None or following > at
    assert latest is None or latest <= at
    if following is not None and following.year < 9999:
        # Backward from a slot is the slot itself, and forward from before it is it again.
        assert times.until(following) == following
        assert latest is None or times.after(latest) == following
        slots = times.between(at, following, 3)
        assert slots == [following]
    slots = times.between(datetime(1, 1, 3, tzinfo=UTC), at, 3)
    assert all(one < later for one, later in pairwise(slots))
    assert slots[-1:] == ([] if latest is None else [latest])
