"""What others may be told once a verb is through."""


class Notes:
    """Gathered while a verb runs."""

    __slots__ = ("cancelled", "paused", "ready", "settled")

    def __init__(self) -> None:
        self.ready: set[str] = set()
        """Queues that have newly ready jobs."""
        self.cancelled: list[str] = []
        """Running jobs that someone wishes to end."""
        self.settled: list[str] = []
        """Jobs that are final now, or gone."""
        self.paused = False
        """Pauses have changed."""
