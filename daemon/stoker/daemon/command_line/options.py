"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from stoker.client import JobFilter


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command takes."""

    config: Path | None = None
    """Configuration file; else config.yaml in the working directory, where there is one."""
    broker: str | None = None
    """URL of the broker, in place of the configuration's."""
    debug: Annotated[bool, Parameter(show_default=False)] = False
    """Show where an error comes from."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Printing(Common):
    """What every command takes that prints data."""

    json: Annotated[bool, Parameter(show_default=False)] = False
    """Print JSON, for programs."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which jobs; each option narrows. Times are ISO, or how long ago, as 24h."""

    state: tuple[str, ...] = ()
    """In this state; again for more than one."""
    type: tuple[str, ...] = ()
    """Of this type or pattern, as 'reports.*'."""
    queue: tuple[str, ...] = ()
    """In this queue or pattern."""
    tag: tuple[str, ...] = ()
    """With this tag; with all of them, if there are several."""
    since: str | None = None
    """Created at this time or later."""
    until: str | None = None
    """Created before this time."""
    finished_since: str | None = None
    """Ended at this time or later."""

    def chosen(self) -> "JobFilter":
        """The filter. Raises InvalidFilter."""
        from stoker.client import JobFilter

        return JobFilter(
            states=self.state,
            types=self.type,
            queues=self.queue,
            tags=self.tag,
            since=self.since,
            until=self.until,
            finished_since=self.finished_since,
        )

    @property
    def empty(self) -> bool:
        """Nothing is said, so that every job would be meant."""
        return self == Filters()


COMMON, PRINTING, FILTERS = Common(), Printing(), Filters()
"""The defaults of commands' parameters: nothing is said."""
