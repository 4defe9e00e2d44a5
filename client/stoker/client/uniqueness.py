"""Unique keys: what is asked for, made into the key that a job holds."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, get_args

import msgspec

from stoker.jobs.calls import Unique
from stoker.jobs.durations import seconds
from stoker.jobs.errors import InvalidJob
from stoker.jobs.job import Holding, OnConflict
from stoker.jobs.limits import MAX_KEY
from stoker.jobs.operating import TypeInfo

_ON_CONFLICT = get_args(OnConflict)


def holding(asked: object, info: TypeInfo, payload: bytes) -> Holding | None:
    """What the job is to hold; None if it is not unique.

    `asked` None leaves it to the handler. A key that is made of arguments is their canonical JSON, as
    they were given, so it is the same however the job is enqueued. Raises InvalidJob.
    """
    unique = _unique(asked, info)
    if unique is None:
        return None
    if unique.on_conflict not in _ON_CONFLICT:
        raise InvalidJob(
            f"unique's on_conflict is one of {', '.join(_ON_CONFLICT)}, not {unique.on_conflict!r}"
        )
    return Holding(_key(unique, info, payload), _scope(unique.scope), unique.on_conflict)


def _unique(asked: object, info: TypeInfo) -> Unique | None:
    match asked:
        case None:
            return None if info.unique is None else _published(info.unique)
        case False:
            return None
        case True:
            return Unique()
        case str():
            return Unique(key=asked)
        case Unique():
            return asked
    raise InvalidJob(f"unique is a text, True or Unique(…), not {asked!r}")


def _published(fields: Mapping[str, Any]) -> Unique:
    # A newer daemon may say more than this producer knows.
    return Unique(**{name: fields[name] for name in Unique.__struct_fields__ if name in fields})


def _scope(scope: object) -> Any:
    if isinstance(scope, str) and scope in ("active", "waiting"):
        return scope
    try:
        length = seconds(scope)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        length = 0.0
    if length <= 0:
        raise InvalidJob(f"unique's scope is 'active', 'waiting' or a duration, not {scope!r}")
    return length


def _key(unique: Unique, info: TypeInfo, payload: bytes) -> str:
    if unique.key is not None:
        if unique.by is not None:
            raise InvalidJob("unique has a key, or is made by arguments: give `key` or `by`, not both")
        return unique.key
    arguments = msgspec.json.decode(payload)
    if unique.by is not None:
        arguments = _chosen(unique.by, info, arguments)
    text = msgspec.json.encode(arguments, order="sorted")
    key = f"{info.name}:{text.decode()}"
    if len(key) <= MAX_KEY:
        return key
    return f"{info.name}:{blake2b(text, digest_size=20).hexdigest()}"


def _chosen(by: Sequence[str], info: TypeInfo, arguments: dict[str, Any]) -> dict[str, Any]:
    if isinstance(by, str) or not isinstance(by, Sequence | set | frozenset):
        raise InvalidJob(f"unique's `by` is a list of parameters such as ['user_id'], not {by!r}")
    parameters = arguments if info.schema is None else info.schema.get("properties", {})
    for name in by:
        if name not in parameters:
            takes = ", ".join(parameters) or "none"
            raise InvalidJob(f"unique by {name!r}, which is no parameter: it takes {takes}")
    return {name: arguments[name] for name in by if name in arguments}
