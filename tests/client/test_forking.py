"""Forks, and the end of the interpreter, in processes of their own."""

import subprocess
import sys
import textwrap

import pytest

COMMON = """
import os, sys, threading
from stoker.client import SyncClient
from stoker.handlers import handler

@handler("plain")
async def plain(number: int = 0) -> int: ...

url = sys.argv[1]
stoker = SyncClient(url)

def total():
    return sum(queue.counts.total for queue in stoker.queues())

def child(work):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid

def end_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


# From Python 3.12 on, to fork a process that has threads is warned of: none of ours may be left.
STRICT = ["-W", "error:This process", "-W", "error::ResourceWarning", "-X", "faulthandler"]


def run(code: str, url: str, *, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *STRICT, "-c", COMMON + textwrap.dedent(code), url],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def output(code: str, url: str) -> list[str]:
    done = run(code, url)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_parent_and_child_both_go_on_after_a_fork(file: str) -> None:
    assert output(
        """
        before = stoker.enqueue(plain.bind())
        def work():
            assert before.status().state == "pending"
            stoker.enqueue_many([plain.bind(), plain.bind()])
        assert end_of(child(work)) == 0
        stoker.enqueue(plain.bind())
        print(total())
        """,
        file,
    ) == ["4"]


def test_what_the_child_writes_stays_when_the_parent_closes_first(file: str) -> None:
    assert output(
        """
        stoker.enqueue(plain.bind())
        parent_closed, go_on = os.pipe()
        child_wrote, wrote = os.pipe()
        def work():
            stoker.enqueue(plain.bind())
            os.write(wrote, b".")
            os.read(parent_closed, 1)
            stoker.enqueue(plain.bind())
        pid = child(work)
        os.read(child_wrote, 1)
        stoker.enqueue(plain.bind())
        stoker.close()
        os.write(go_on, b".")
        assert end_of(pid) == 0
        print(total())
        """,
        file,
    ) == ["4"]


def test_the_child_inherits_no_thread_and_no_file_of_the_database(file: str) -> None:
    path = file.removeprefix("sqlite:///")
    assert output(
        f"""
        stoker.enqueue(plain.bind())
        def work():
            files = [os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd")
                     if os.path.exists(f"/proc/self/fd/{{fd}}")]
            print([name for name in files if name.startswith({path!r})], threading.active_count())
        assert end_of(child(work)) == 0
        """,
        file,
    ) == ["[] 1"]


def test_several_children_at_once(file: str) -> None:
    assert output(
        """
        stoker.enqueue(plain.bind())
        pids = [child(lambda: [stoker.enqueue(plain.bind()) for _ in range(20)]) for _ in range(5)]
        stoker.enqueue(plain.bind())
        assert [end_of(pid) for pid in pids] == [0] * 5
        print(total())
        """,
        file,
    ) == ["102"]


def test_forks_while_other_threads_enqueue_lose_and_double_nothing(file: str) -> None:
    assert output(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        stop = threading.Event()
        made = []
        def enqueue():
            while not stop.is_set():
                made.append(stoker.enqueue(plain.bind()).id)
        threads = [threading.Thread(target=enqueue) for _ in range(3)]
        for thread in threads: thread.start()
        pids = [child(lambda: stoker.enqueue(plain.bind())) for _ in range(5)]
        assert [end_of(pid) for pid in pids] == [0] * 5
        stop.set()
        for thread in threads: thread.join()
        assert len(set(made)) == len(made) > 0
        print(total() - len(made))
        """,
        file,
    ) == ["5"]


def test_a_wait_goes_on_across_a_fork(file: str) -> None:
    assert output(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        job = stoker.enqueue(plain.bind())
        answers = []
        thread = threading.Thread(target=lambda: answers.append(job.result(timeout=20)))
        thread.start()
        def work():
            import uuid
            from stoker.jobs.job import Settlement
            from stoker.jobs.patterns import QueueSet
            from stoker.jobs.state import State
            async def finish(client):
                token = uuid.uuid4().hex
                [claim] = await client.broker.claim(QueueSet(), 1, worker="w", token=token, lease=60)
                await client.broker.settle([Settlement(
                    id=claim.id, token=token, state=State.COMPLETED, attempts=1, result=b"7")])
            stoker._reach.run(finish)
        assert end_of(child(work)) == 0
        thread.join()
        print(answers)
        """,
        file,
    ) == ["[7]"]


def test_multiprocessing_forks_are_forks(file: str) -> None:
    assert output(
        """
        import multiprocessing
        stoker.enqueue(plain.bind())
        def work():
            stoker.enqueue(plain.bind())
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        assert process.exitcode == 0
        print(total())
        """,
        file,
    ) == ["2"]


WAITING = """
job = stoker.enqueue(plain.bind())
def wait():
    try:
        job.result()
    except RuntimeError:
        pass  # the interpreter is ending already, and gives no more threads to anybody
threading.Thread(target=wait, daemon=True).start()
"""


@pytest.mark.parametrize(
    "code",
    [
        "stoker.enqueue(plain.bind())",
        WAITING,
        "stoker.enqueue(plain.bind()); sys.exit(0)",
        "import atexit; atexit.register(lambda: stoker.enqueue(plain.bind())); stoker.queues()",
    ],
    ids=["used", "waiting", "exit", "atexit"],
)
def test_the_interpreter_ends_at_once_though_nobody_closed(file: str, code: str) -> None:
    done = run(code, file, timeout=10)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_an_interrupted_script_ends(file: str) -> None:
    done = run(
        """
        import signal
        job = stoker.enqueue(plain.bind())
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            job.result()
        except KeyboardInterrupt:
            print("interrupted", job.status().state)
        """,
        file,
        timeout=15,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted pending\n", "")
