"""What this worker's code and configuration say about recurring jobs."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from stoker.client.catalogue import Catalogue
from stoker.client.requesting import Requests
from stoker.client.when import When, schedule_of
from stoker.daemon.settings import Settings
from stoker.handlers.collecting import AnyHandler
from stoker.handlers.cron import Cron
from stoker.jobs.calls import Call
from stoker.jobs.codec import encode_payload
from stoker.jobs.errors import ConfigError, InvalidJob
from stoker.jobs.job import DEFAULT_QUEUE
from stoker.jobs.operating import TypeInfo
from stoker.jobs.recurring import Schedule
from stoker.jobs.rescheduling import Declaration

_KEYS = (*When.__annotations__, "payload")


def declarations(settings: Settings, handlers: Mapping[str, AnyHandler]) -> list[Declaration]:
    """One for each handler with a schedule: the configuration's, or else its own.

    Raises ConfigError, naming the type and what is wrong.
    """
    if unknown := sorted(settings.cron.keys() - handlers.keys()):
        known = ", ".join(sorted(handlers)) or "none"
        raise ConfigError(f"cron: there is no handler {unknown[0]!r}; there are: {known}")
    requests = Requests(Catalogue(_no_types), settings.max_payload)
    found = []
    for name, handler in sorted(handlers.items()):
        if name in settings.cron:
            when, payload = _configured(name, settings.cron[name])
            schedule = _schedule(requests, handler, when, payload, f"cron: {name}")
            found.append(_declaration(settings.service, "config", name, schedule))
        elif (cron := handler.options.cron) is not None:
            when, payload = _coded(cron)
            schedule = _schedule(requests, handler, when, payload, f"the schedule of {name}")
            found.append(_declaration(settings.service, "code", name, schedule))
    return found


def _configured(name: str, entry: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """A line, or a mapping with `cron` or `every` and whatever else there is."""
    if isinstance(entry, str):
        return {"cron": entry}, {}
    if unknown := sorted(entry.keys() - set(_KEYS), key=str):
        known = ", ".join(_KEYS)
        raise ConfigError(f"cron: {name} has the unknown key {unknown[0]!r}; there are: {known}")
    payload = entry.get("payload") or {}
    if not isinstance(payload, Mapping):
        raise ConfigError(f"cron: {name}: payload is a mapping by parameter, not {payload!r}")
    return {key: value for key, value in entry.items() if key != "payload"}, payload


def _coded(cron: Cron) -> tuple[dict[str, Any], Mapping[str, Any]]:
    when = msgspec.structs.asdict(cron)
    payload = when.pop("payload") or {}
    return {"cron": when.pop("expression"), **when}, payload


def _schedule(
    requests: Requests,
    handler: AnyHandler,
    when: Mapping[str, Any],
    payload: Mapping[str, Any],
    where: str,
) -> Schedule:
    try:
        written = encode_payload(dict(payload))
        arguments = handler.arguments(written)
        job = requests.of_call(Call(handler.type_info(), arguments, written))
        return schedule_of(job, when)
    except InvalidJob as error:
        raise ConfigError(f"{where}: {error}") from None


def _declaration(service: str, owner: Any, type: str, schedule: Schedule) -> Declaration:
    """A program's version is what it says: two that say the same need not be told apart."""
    name = type if service == DEFAULT_QUEUE else f"{service}:{type}"
    said = msgspec.json.encode((owner, schedule))
    return Declaration(name, schedule, owner, service, blake2b(said, digest_size=6).hexdigest())


async def _no_types() -> dict[str, TypeInfo]:
    return {}
