import io

from rich.console import Console

from stoker.daemon.demo.checking import Finding
from stoker.daemon.demo.table import Moment, display, summary
from stoker.jobs.operating import Counts


def test_without_a_terminal_there_is_a_line_a_second() -> None:
    out = io.StringIO()
    counts = (Counts(queue="mail", ready=3, completed=4), Counts(queue="demo", completed=1))
    with display(Console(file=out, width=80)) as show:
        for tenth in range(25):
            show(Moment(tenth / 10, counts, 7, 12.0))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert "ready 3" in lines[0] and "completed 5" in lines[0] and "mails 7" in lines[0]


def test_the_summary_marks_what_differs() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(summary([Finding("a", "1", "1"), Finding("b", "1", "2")]))
    marks = [line for line in out.getvalue().splitlines() if " a " in line or " b " in line]
    assert "yes" in marks[0] and "NO" in marks[1]
