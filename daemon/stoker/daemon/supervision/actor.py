"""What can stand under a supervisor."""

from typing import Protocol

from anyio.abc import TaskStatus


class Actor(Protocol):
    """Something that runs until it is cancelled, returns or crashes.

    It says `task_status.started()` once others may rely on it. It does not catch errors to stay
    alive: its supervisor starts it anew. When cancelled it may take time to finish its work in
    order, shielded; its supervisor waits.
    """

    @property
    def name(self) -> str: ...

    async def run(self, *, task_status: TaskStatus[None]) -> None: ...
