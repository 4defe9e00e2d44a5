import subprocess
import sys

import stoker.client

PUBLIC = ["Client", "JobFilter", "JobHandle", "SyncClient", "Unique"]

IMPORT = """
import sys
import stoker.client
print(*sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:])))
print(*sorted(name for name in sys.modules if name.startswith("stoker.")))
"""


def test_the_public_names_are_exactly_these() -> None:
    assert stoker.client.__all__ == PUBLIC
    for name in PUBLIC:
        assert isinstance(getattr(stoker.client, name), type)


def test_a_producer_imports_no_daemon_no_handlers_and_no_library_that_it_may_not_need() -> None:
    unwanted = ["yaml", "structlog", "cyclopts", "rich", "jsonschema_rs", "sqlite3", "sqlalchemy"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *unwanted], capture_output=True, text=True, check=True
    )
    libraries, ours = done.stdout.splitlines()
    assert libraries == ""
    assert {name.split(".")[1] for name in ours.split()} == {"brokers", "client", "jobs"}
