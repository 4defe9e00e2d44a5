import pytest

from stoker.daemon.children.process_end import describe_end


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (70, "exit code 70"),
        (-11, "signal 11 (SIGSEGV)"),
        (-63, "signal 63"),
        (None, "no known exit code"),
    ],
)
def test_an_exit_code_in_words(code: int | None, words: str) -> None:
    assert describe_end(code) == words
