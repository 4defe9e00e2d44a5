"""What charges a customer: the protocol for payment providers' adapters, and how one is found."""

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Protocol

import msgspec

from stoker.handlers.environment import required
from stoker.jobs.errors import ConfigError, StokerError

VARIABLE = "STOKER_PAYMENT_GATEWAY"
EXAMPLE = "app.payments:open_gateway (or stoker.handlers.money.ledger:open_ledger)"


class GatewayUnavailable(StokerError):
    """The gateway did not take the charge for now, or its answer was lost; trying again may help."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be charged, for one period of one schedule."""

    key: str
    """The idempotency key: one for each schedule and period, for ever."""
    attempt: int
    """1, and one more after each decline of this key."""
    period: date
    customer: str
    amount_cents: int
    """In the currency's smallest unit; at least 1."""
    currency: str
    payment_method: str


class Charged(msgspec.Struct, frozen=True):
    """The money is taken."""

    id: str
    """By which the gateway knows the charge."""


class Declined(msgspec.Struct, frozen=True):
    """The payment method does not pay this; only another day or another method may."""

    reason: str


class PaymentGateway(Protocol):
    """Takes money, at most once for a key. Called from several threads.

    A key that was charged answers that charge and takes nothing more, whatever else is asked under it:
    after a crash the same is asked again. The same key and attempt always get the same answer. A
    further attempt follows a decline and tries anew; a provider whose own keys repeat declines is given
    key and attempt together. Keys are unique in one database: where several share a provider's account,
    the adapter puts a name of its own before them.

    Ends within some seconds, by limits of its own. Raises GatewayUnavailable where the provider was not
    reached, and where it is not known whether the money was taken.
    """

    def charge(self, charge: Charge) -> Charged | Declined: ...


@contextmanager
def open_gateway() -> Iterator[PaymentGateway]:
    """What the opener gives that STOKER_PAYMENT_GATEWAY names as module:function.

    There is none by default: a period must not count as paid because nobody said who is to charge.
    Raises ConfigError.
    """
    name = required(VARIABLE, EXAMPLE)
    try:
        opener = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{VARIABLE} names what is not there ({error}): give it as {EXAMPLE}"
        ) from error
    if not callable(opener) or not hasattr(opened := opener(), "__enter__"):
        raise ConfigError(f"{VARIABLE} must name a function that gives a context manager, not {name!r}")
    with opened as gateway:
        yield gateway
