import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and pdeathsig are Linux'")

PARENT = """
import asyncio, sys
from pathlib import Path
from stoker.daemon.children.attending import Wish
from stoker.daemon.children.pool import ChildPool, ChildSpec
from stoker.daemon.children.worker_processes import WorkerProcesses
from stoker.daemon.settings import Settings
from stoker.jobs.job import Claim
from datetime import UTC, datetime

class Printing:
    def log(self, claim, message, level):
        print(message, flush=True)

async def isolated(module, folder):
    now = datetime.now(UTC)
    claim = Claim(id="1", token="t", type="spin", queue="q", priority=5, payload=b"{}", attempts=1,
                  max_attempts=1, created_at=now, scheduled_at=now, started_at=now)
    spec = ChildSpec(Settings(handlers=(module,)), "w", folder)
    pool = ChildPool(size=1, spec=spec, emit=print, cancel_grace=10)
    await pool.run(claim, timeout=None, sink=Printing(), cancelled=Wish())

async def worker(module, folder):
    sys.path.insert(0, str(folder))
    async def reclaim(name): pass
    await WorkerProcesses(settings=Settings(), relative_to=folder, emit=print, reclaim=reclaim,
                          entry=f"{module}:work").run()

asyncio.run(globals()[sys.argv[1]](sys.argv[2], Path(sys.argv[3])))
"""

CHILD = """
@handler("spin", isolation="process")
async def spin(ctx: Context):
    ctx.log(str(os.getpid()))
    all(itertools.repeat(1))

async def work(life):
    print(os.getpid(), flush=True)
    all(itertools.repeat(1))
"""


@pytest.mark.parametrize("kind", ["isolated", "worker"])
async def test_a_child_that_holds_its_interpreter_ends_with_its_killed_parent(
    kind: str, module: Callable[[str], str], tmp_path: Path, gone: Any
) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    with anyio.fail_after(20):
        parent = await asyncio.create_subprocess_exec(
            sys.executable,
            str(tmp_path / "parent.py"),
            kind,
            module(CHILD),
            str(tmp_path),
            stdout=asyncio.subprocess.PIPE,
        )
        assert parent.stdout is not None
        child = os.pidfd_open(int(await parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert await parent.wait() == -signal.SIGKILL
        await gone(child)
