"""What redis-py raises, in Stoker's words: try again, or do not."""

from redis import exceptions

from stoker.jobs.errors import BrokerError, BrokerRefused, BrokerUnavailable

FOREIGN = (exceptions.RedisError, OSError, TimeoutError)
"""What the driver raises; none of it leaves a broker."""
_UNAVAILABLE = {
    "OOM": "is full (it has reached its maxmemory): nothing new can be enqueued until there is room",
    "MISCONF": "cannot write to its disk, and so takes no writes",
    "LOADING": "is loading its data",
    "BUSY": "is busy with a script",
    "READONLY": "is a replica now, and takes no writes",
    "MASTERDOWN": "is a replica without its master",
    "NOREPLICAS": "has too few replicas, and so takes no writes",
    "CLUSTERDOWN": "is a node of a cluster that is down",
    "TRYAGAIN": "is moving these jobs to another node",
    "ASK": "is moving these jobs to another node",
}
_REFUSED = {
    "MOVED": "is a node of a cluster: name it as redis+cluster://host:port",
    "NOPERM": "does not allow its user what Stoker needs",
    "NOAUTH": "wants a password",
    "WRONGPASS": "knows no such user and password",
    "WRONGTYPE": "holds something else under the keys of Stoker",
}
MOVED_AWAY = frozenset({"READONLY", "MASTERDOWN"})
"""After these another server may answer at the same address: connections are made anew."""


def code_of(error: Exception) -> str:
    """The first word of a server's answer, such as OOM; some of which redis-py cuts off."""
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return code
    text = str(error)
    for code in (*_UNAVAILABLE, *_REFUSED):
        # Within a script, some servers put an "ERR Error running script" before it.
        if text.startswith(code) or f"-{code} " in text or f": {code} " in text:
            return code
    return text.partition(" ")[0]


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.MovedError, "MOVED"),  # it is an AskError as well
    (exceptions.AskError, "ASK"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.AuthenticationWrongNumberOfArgsError, "NOAUTH"),
    (exceptions.AuthenticationError, "WRONGPASS"),
)


def mapped(error: Exception, where: str) -> BrokerError:
    """The error that a caller of a broker sees in place of this one."""
    code = code_of(error)
    if code in _REFUSED:
        return BrokerRefused(f"the Redis server {where} {_REFUSED[code]} ({error})")
    if code in _UNAVAILABLE:
        return BrokerUnavailable(f"the Redis server {where} {_UNAVAILABLE[code]} ({error})")
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return BrokerUnavailable(f"the Redis server {where} did not answer in time ({error})")
    if isinstance(error, exceptions.ConnectionError | OSError):
        return BrokerUnavailable(f"the Redis server {where} cannot be reached ({error})")
    return BrokerRefused(f"the Redis server {where} refused: {error}")
