from rounds import Spread, spreads

from stoker.daemon.measuring.report import Line


def test_each_figure_has_its_median_and_its_range() -> None:
    rounds = [[Line("drain", value, "jobs/s")] for value in (30.0, 10.0, 20.0)]
    assert spreads(rounds) == [Spread("drain", 20.0, 10.0, 30.0, "jobs/s")]


def test_a_figure_that_one_round_lacks_is_left_out() -> None:
    assert spreads([[Line("a", 1.0, "ms"), Line("b", 1.0, "ms")], [Line("a", 2.0, "ms")]]) == [
        Spread("a", 1.5, 1.0, 2.0, "ms")
    ]
