import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.patterns import NAME, QueueSet, is_name, is_pattern, matches

names = st.from_regex(NAME, fullmatch=True)


@pytest.mark.parametrize("name", ["a", "0", "_", "mail.send", "a:b-c_d", "A" * 128])
def test_a_name_is_letters_digits_and_four_marks(name: str) -> None:
    assert is_name(name)
    assert is_pattern(name)


@pytest.mark.parametrize(
    "name", ["", ".a", "-a", ":a", "a b", "a/b", "ä", "a\n", "a*", "!a", "A" * 129]
)
def test_anything_else_names_nothing(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("pattern", ["*", "mail.*", "!pdf", "!*.big", "a?c", "*." + "a" * 127])
def test_a_pattern_may_have_wildcards_and_exclude(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "!", "!!a", "a!b", "[ab]", "a b", "a\n", "a" * 130])
def test_anything_else_is_no_pattern(pattern: str) -> None:
    assert not is_pattern(pattern)


@pytest.mark.parametrize(
    ("name", "patterns", "fits"),
    [
        ("mail", ["mail"], True),
        ("mail", ["Mail"], False),
        ("mail", ["ma"], False),
        ("mail.send", ["mail.*"], True),
        ("mail", ["mail.*"], False),
        ("mail", ["m??l"], True),
        ("mail", ["pdf", "m*"], True),
        ("mail", [], False),
        ("m.l", ["m.l"], True),
        ("mxl", ["m.l"], False),
    ],
)
def test_a_name_fits_one_of_the_patterns(name: str, patterns: list[str], fits: bool) -> None:
    assert matches(name, patterns) is fits


@pytest.mark.parametrize(
    ("patterns", "within", "without"),
    [
        ([], ["mail", "pdf"], []),
        (["*"], ["mail", "pdf"], []),
        (["mail"], ["mail"], ["pdf", "mail.big"]),
        (["mail", "reports.*"], ["mail", "reports.big"], ["reports", "pdf"]),
        (["!pdf"], ["mail"], ["pdf"]),
        (["!pdf", "!mail.*"], ["mail"], ["pdf", "mail.send"]),
        (["*", "!reports.*", "reports.small"], ["mail"], ["reports.small", "reports.big"]),
    ],
)
def test_a_set_holds_what_fits_and_is_not_excluded(
    patterns: list[str], within: list[str], without: list[str]
) -> None:
    queues = QueueSet.parse(patterns)
    assert [name for name in [*within, *without] if name in queues] == within


@given(st.lists(names, min_size=1), names)
def test_a_set_of_plain_names_holds_exactly_these(listed: list[str], other: str) -> None:
    queues = QueueSet.parse(listed)
    assert all(name in queues for name in listed)
    assert (other in queues) is (other in listed)


@pytest.mark.parametrize("pattern", ["", "a b", "!", "[ab]"])
def test_a_set_refuses_what_is_no_pattern_by_name(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no queue name or pattern") as caught:
        QueueSet.parse(["mail", pattern])
    assert repr(pattern) in str(caught.value)


def test_a_set_holds_nothing_but_names() -> None:
    assert 7 not in QueueSet()
    assert None not in QueueSet()
