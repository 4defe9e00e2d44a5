"""The engines that a daemon's promises are tried on."""

import pytest

SERVERS = ("postgres", "redis", "valkey")
ENGINES = ("sqlite", *SERVERS)

on_every_engine = pytest.mark.parametrize("stage", ENGINES, indirect=True)
on_every_server = pytest.mark.parametrize("stage", SERVERS, indirect=True)
