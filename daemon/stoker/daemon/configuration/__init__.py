"""The configuration: config.yaml, the environment over it, arguments over that, all of it checked."""

from stoker.daemon.configuration.configuration import Configuration
from stoker.daemon.configuration.loading import load

__all__ = ["Configuration", "load"]
