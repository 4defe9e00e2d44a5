"""For tests of handlers: a context that remembers, and a harness that runs jobs without a daemon."""

from stoker.handlers.testing.fake_context import FakeContext

__all__ = ["FakeContext"]
