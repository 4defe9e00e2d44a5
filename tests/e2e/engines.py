"""The engines that a daemon's promises are tried on."""

import os

import pytest

SERVERS = ("postgres", "redis", "valkey")
ENGINES = ("sqlite", *SERVERS)
CLUSTER = "redis-cluster"
USUAL = os.environ.get("E2E_ENGINE") or "sqlite"
"""Of the tests whose promise is the daemon's own, and which name no engine."""

on_sqlite = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
on_every_engine = pytest.mark.parametrize("stage", ENGINES, indirect=True)
on_every_server = pytest.mark.parametrize("stage", [*SERVERS, CLUSTER], indirect=True)
