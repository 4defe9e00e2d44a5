"""From a call, or a name with arguments, to a job that a broker can take."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stoker.client.asked import Asked, refusal
from stoker.client.catalogue import Catalogue
from stoker.client.options import NOTHING
from stoker.client.uniqueness import holding
from stoker.client.validating import Schemas
from stoker.client.wording import shown
from stoker.jobs.calls import Call, EnqueueOptions
from stoker.jobs.codec import encode_payload
from stoker.jobs.durations import seconds
from stoker.jobs.errors import InvalidJob, InvalidPayload
from stoker.jobs.ids import IdSource
from stoker.jobs.job import NewJob
from stoker.jobs.limits import check
from stoker.jobs.operating import TypeInfo
from stoker.jobs.patterns import is_name

MOST_PLAIN = 1000
"""Types whose plain jobs are remembered."""


class Requests:
    """Makes jobs: options over the call's, over the handler's, over the system's; an id; every check.

    All of it raises InvalidJob or InvalidPayload, in one sentence that begins with the type.
    """

    def __init__(self, catalogue: Catalogue, max_payload: int) -> None:
        self._catalogue = catalogue
        self._max_payload = max_payload
        self._schemas = Schemas()
        self._ids = IdSource()
        self._plain: dict[int, tuple[TypeInfo, NewJob]] = {}

    async def of(self, asked: Asked) -> tuple[NewJob, Any]:
        """The job, and the type of its result. For a call it never suspends."""
        call, returns = asked.call, asked.returns
        if isinstance(call, Call):
            if asked.arguments is not None:
                raise InvalidJob(f"{call.type}: the arguments are bound in the call: give no others")
            return self.of_call(call, asked.options), call.returns if returns is None else returns
        if not isinstance(call, str):
            raise refusal(call)
        job = await self.of_name(call, asked.arguments, asked.options)
        return job, Any if returns is None else returns

    def of_call(self, call: Call[Any], options: EnqueueOptions = NOTHING) -> NewJob:
        """The job of a handler's bound call."""
        info, payload = call.defaults, call.payload
        if len(payload) > self._max_payload:
            raise InvalidPayload(
                f"{info.name}: the payload has {len(payload):,} bytes; "
                f"at most {self._max_payload:,} are allowed"
            )
        if call.chosen != NOTHING:
            options = call.chosen if options is NOTHING else options.over(call.chosen)
        if options is NOTHING and info.unique is None:
            return self._of_plain(info, payload)
        return self._job(info, payload, options)

    async def of_name(
        self, name: str, arguments: Mapping[str, Any] | None, options: EnqueueOptions = NOTHING
    ) -> NewJob:
        """The job of a type by its name; as the catalogue says, if it is published there."""
        if not is_name(name):
            raise InvalidJob(
                f"type {shown(name)} is no name: 1 to 128 letters, digits and '_', '.', ':', '-'"
            )
        payload = self._encode(name, {} if arguments is None else arguments)
        info = await self._catalogue.find(name)
        if info is None:
            info = TypeInfo(name=name)
        else:
            self._schemas.check(info, payload)
        return self._job(info, payload, options)

    def _of_plain(self, info: TypeInfo, payload: bytes) -> NewJob:
        """The common case: all but the id and the payload has been checked before."""
        known = self._plain.get(id(info))
        if known is None or known[0] is not info:
            if len(self._plain) >= MOST_PLAIN:
                self._plain.clear()
            known = self._plain[id(info)] = info, self._job(info, payload, NOTHING)
        model = known[1]
        return NewJob(
            id=self._ids.next(model.queue),
            type=model.type,
            queue=model.queue,
            priority=model.priority,
            payload=payload,
            max_attempts=model.max_attempts,
            timeout=model.timeout,
            expires=model.expires,
            tags=model.tags,
            unsent=True,
        )

    def _encode(self, name: str, arguments: object) -> bytes:
        if not isinstance(arguments, Mapping):
            raise InvalidPayload(
                f"{name}: the arguments are a mapping keyed by parameter, not {shown(arguments)}"
            )
        for key in arguments:
            if not isinstance(key, str):
                raise InvalidPayload(f"{name}: a parameter's name is a text, not {shown(key)}")
        try:
            return encode_payload(dict(arguments), limit=self._max_payload)
        except InvalidPayload as error:
            for key, value in arguments.items():
                try:
                    encode_payload({key: value}, limit=self._max_payload, what="value")
                except InvalidPayload as its:
                    text = f"{name}: parameter {shown(key)} cannot be sent: {its}"
                    raise InvalidPayload(text) from None
            raise InvalidPayload(f"{name}: {error}") from None

    def _job(self, info: TypeInfo, payload: bytes, options: EnqueueOptions) -> NewJob:
        try:
            job = self._unchecked(info, payload, options)
            check(job)
        except InvalidJob as error:
            raise type(error)(f"{info.name}: {error}") from None
        return job

    def _unchecked(self, info: TypeInfo, payload: bytes, o: EnqueueOptions) -> NewJob:
        if o.delay is not None and o.at is not None:
            raise InvalidJob("the time is said twice: give `delay` or `at`, not both")
        if o.at is not None and not isinstance(o.at, datetime):
            raise InvalidJob(f"at is an aware datetime, not {shown(o.at)}")
        queue = info.queue if o.queue is None else o.queue
        return NewJob(
            id=self._id(queue) if o.id is None else o.id,
            type=info.name,
            queue=queue,
            priority=info.priority if o.priority is None else o.priority,
            payload=payload,
            max_attempts=info.max_attempts if o.max_attempts is None else o.max_attempts,
            timeout=info.timeout if o.timeout is None else _seconds("timeout", o.timeout),
            delay=0.0 if o.delay is None else _seconds("delay", o.delay),
            at=o.at,
            expires=info.expires if o.expires is None else _seconds("expires", o.expires),
            tags=info.tags if o.tags is None else _tags(o.tags),
            unique=holding(o.unique, info, payload),
            headers=None if o.headers is None else _headers(o.headers),
            unsent=o.id is None,
        )

    def _id(self, queue: object) -> str:
        # A queue that has no right name gets no id; the check looks at the name first, and says so.
        return self._ids.next(queue) if isinstance(queue, str) and is_name(queue) else ""


def _seconds(option: str, value: Any) -> float:
    try:
        return seconds(value)
    except (ValueError, TypeError) as error:
        raise InvalidJob(f"{option}: {error}") from None


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidJob(f"tags is a list of texts, not {shown(value)}")
    return tuple(value)


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidJob(f"headers is a mapping of texts, not {shown(value)}")
    return dict(value)
