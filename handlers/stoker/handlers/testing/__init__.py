"""For tests of handlers: a context that remembers, and a harness that runs jobs without a daemon."""

from stoker.handlers.testing.fake_context import FakeContext
from stoker.handlers.testing.harness import Harness
from stoker.handlers.testing.rehearsal import Ran

__all__ = ["FakeContext", "Harness", "Ran"]
