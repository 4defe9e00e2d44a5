"""Steps of a class handler: all of them run, in order, and their failures are raised together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from stoker.handlers.context import Context
from stoker.handlers.protocol import Opener
from stoker.handlers.signature import Signature, read_signature
from stoker.jobs.errors import HandlerError
from stoker.jobs.outcome import Cancel, Skip

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__stoker_step__"


def step(method: F) -> F:
    """Mark a method of a `Handler` as one of its steps; they run in the order they are written in.

    A step may take the context and resources, and no job arguments. If it fails, the next ones run
    all the same. One that raises Skip had nothing to do; if all do, the job is skipped.
    """
    if not callable(method):
        raise HandlerError(f"@step marks a method, not {type(method).__name__}")
    setattr(method, _MARK, True)
    return method


class Step(msgspec.Struct, frozen=True):
    """One step, and what it is given."""

    name: str
    function: Callable[..., Any]
    takes_ctx: bool
    resources: Mapping[str, str]
    """Its parameters, each with the name under which the handler's resources hold it."""


def read_steps(
    owner: type, name: str, names: Mapping[str, Any]
) -> tuple[tuple[Step, ...], Signature | None]:
    """The steps of this class and their signature together; none and None if it has no steps.

    Resources are kept under "step.parameter", so that two steps may use one name for two things.
    """
    steps: list[Step] = []
    resources: dict[str, Opener] = {}
    kinds: set[bool] = set()
    for method, function in _marked(owner).items():
        where = f"{name}: step {method!r}"
        read = read_signature(function, where, names, method=True)
        if read.parameters:
            raise HandlerError(
                f"{where} takes the job argument {read.parameters[0].name!r}, but steps take none: "
                "use 'execute'"
            )
        keys = {parameter: f"{method}.{parameter}" for parameter in read.resources}
        resources.update((keys[parameter], opener) for parameter, opener in read.resources.items())
        steps.append(Step(method, function, read.takes_ctx, keys))
        kinds.add(read.is_async)
    if len(kinds) > 1:
        raise HandlerError(f"{name}: its steps are either all 'async def' or all 'def', not both")
    if not steps:
        return (), None
    return tuple(steps), Signature(False, (), resources, None, kinds.pop())


def _marked(owner: type) -> dict[str, Any]:
    """Those of bases first; one that is overridden keeps its place."""
    found: dict[str, Any] = {}
    for kind in reversed(owner.__mro__):
        for name, value in vars(kind).items():
            if name in found or getattr(value, _MARK, False):
                found[name] = value
    return found


def run_steps(
    name: str, instance: Any, steps: Sequence[Step], ctx: Context, resources: Mapping[str, Any]
) -> None:
    """Run all steps here. A cancelled run ends between two of them."""
    results = _Results(name)
    for one in steps:
        if ctx.cancelled:
            raise Cancel(ctx.cancel_reason)
        try:
            one.function(*_given(one, instance, ctx), **_opened(one, resources))
        except Exception as error:
            results.failed(one, error)
    results.report(len(steps))


async def run_async_steps(
    name: str, instance: Any, steps: Sequence[Step], ctx: Context, resources: Mapping[str, Any]
) -> None:
    """The same on the event loop, where a cancel arrives by itself."""
    results = _Results(name)
    for one in steps:
        try:
            await one.function(*_given(one, instance, ctx), **_opened(one, resources))
        except Exception as error:
            results.failed(one, error)
    results.report(len(steps))


class _Results:
    """What went wrong so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._errors: list[Exception] = []
        self._skips: list[Skip] = []

    def failed(self, one: Step, error: Exception) -> None:
        if isinstance(error, Skip):
            self._skips.append(error)
            return
        error.add_note(f"in step {one.name!r}")
        trace = error.__traceback__
        # Without the frame that called the step, which is the same for all.
        self._errors.append(error.with_traceback(trace and trace.tb_next))

    def report(self, steps: int) -> None:
        if self._errors:
            text = f"{len(self._errors)} of {steps} steps of {self._name} failed"
            raise ExceptionGroup(text, self._errors)
        if len(self._skips) == steps:
            raise self._skips[-1]


def _given(one: Step, instance: Any, ctx: Context) -> tuple[Any, ...]:
    return (instance, ctx) if one.takes_ctx else (instance,)


def _opened(one: Step, resources: Mapping[str, Any]) -> dict[str, Any]:
    return {parameter: resources[key] for parameter, key in one.resources.items()}
