import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "stoker.daemon", "demo")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Everything that the demo makes lies below a folder of the test's own."""
    return os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "160"}


def test_the_demo_checks_itself_and_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], env=environment, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "lines are as they should be" in done.stdout
    assert " NO " not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_stops_its_daemon_and_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first line comes when the daemon has been started
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        process.wait(timeout=60)
    assert "Interrupted" in rest
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in _commands() if str(tmp_path) in name]


def _commands() -> list[str]:
    """The command lines of all processes, where the system tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
