import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stoker.daemon.measuring.usage import usage

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no such kernel")


def test_a_process_has_memory_and_threads() -> None:
    found = usage(os.getpid())
    assert found is not None
    assert 1 < found.rss < 10_000
    assert found.peak > 1
    assert threading.get_native_id() in found.cpu


def test_what_a_thread_does_is_counted_as_its_own() -> None:
    before = usage(os.getpid())
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    after = usage(os.getpid())
    assert before is not None and after is not None
    mine = threading.get_native_id()
    assert after.cpu[mine] - before.cpu[mine] >= 0.05


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert usage(process.pid) is None


def test_a_process_that_nobody_has_waited_for_yet_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # until it is over
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert usage(process.pid) is None
    finally:
        process.wait()
