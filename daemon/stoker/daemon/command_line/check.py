"""`stoker check`."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from stoker.brokers.connecting import without_password
from stoker.daemon.command_line.failing import FAILED, sentence
from stoker.daemon.command_line.opening import broker_of, configured
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import print_json, print_line
from stoker.daemon.configuration import Configuration
from stoker.daemon.configuration.configuration import DEFAULT
from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.schedules import declarations
from stoker.daemon.settings import QueueLimit, Settings
from stoker.handlers.protocol import AnyHandler
from stoker.jobs.errors import ConfigError, StokerError
from stoker.jobs.patterns import QueueSet


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    what: str
    verdict: Literal["ok", "note", "wrong"]
    text: str


async def check(*, options: Printing = PRINTING) -> int:
    """Check configuration, handlers, middleware and broker, in one report: status 1 if any is wrong.

    Handlers are imported, as a daemon would do it; nothing is written to the broker.
    """
    findings = [finding async for finding in _findings(options)]
    wrong = any(finding.verdict == "wrong" for finding in findings)
    if options.json:
        print_json({"ok": not wrong, "findings": findings})
    else:
        for finding in findings:
            mark = "WRONG" if finding.verdict == "wrong" else finding.verdict
            print_line(f"{mark:5} {finding.what}: {finding.text}")
    return FAILED if wrong else 0


async def _findings(options: Printing) -> AsyncIterator[Finding]:
    try:
        configuration = configured(options)
    except ConfigError as error:
        for line in str(error).splitlines():
            yield Finding("configuration", "wrong", line)
        return
    given = sum(source != DEFAULT for source in configuration.sources.values())
    file = configuration.file or "no file"
    yield Finding("configuration", "ok", f"{file}, {given} of {len(configuration.sources)} keys set")
    for finding in _code(configuration):
        yield finding
    yield await _broker(configuration)


def _code(configuration: Configuration) -> Iterator[Finding]:
    """Handlers and middleware: what is the user's own."""
    settings = configuration.settings
    try:
        handlers = load_handlers(settings, configuration.relative_to)
        yield Finding("handlers", "ok", _types(handlers))
        yield from _unworked(settings, handlers)
        yield from _schedules(configuration, handlers)
    except StokerError as error:
        yield Finding("handlers", "wrong", _placed(configuration, "handlers", error))
    if settings.middleware:
        try:
            load_middleware(settings.middleware)
            yield Finding("middleware", "ok", ", ".join(settings.middleware))
        except StokerError as error:
            yield Finding("middleware", "wrong", _placed(configuration, "middleware", error))


def _schedules(configuration: Configuration, handlers: Mapping[str, AnyHandler]) -> Iterator[Finding]:
    try:
        found = declarations(configuration.settings, handlers)
    except StokerError as error:
        yield Finding("schedules", "wrong", _placed(configuration, "cron", error))
        return
    if found:
        lines = ", ".join(f"{each.name} ({each.schedule.line})" for each in found)
        yield Finding("schedules", "ok", lines)


def _types(handlers: Mapping[str, AnyHandler]) -> str:
    if not handlers:
        return "none, so this daemon knows no type of job"
    return f"{len(handlers)} types: {', '.join(sorted(handlers))}"


def _unworked(settings: Settings, handlers: Mapping[str, AnyHandler]) -> Iterator[Finding]:
    """Handlers whose jobs this daemon would not take; another may be meant to."""
    names = [queue.name if isinstance(queue, QueueLimit) else queue for queue in settings.queues]
    worked = QueueSet.parse(names)
    for name, handler in sorted(handlers.items()):
        if settings.mode == "consumer" and handler.options.queue not in worked:
            text = f"this daemon does not work {handler.options.queue}, the queue of {name}"
            yield Finding("queues", "note", text)


async def _broker(configuration: Configuration) -> Finding:
    url = configuration.settings.broker
    shown = without_password(url)
    if url.startswith("memory:"):
        return Finding("broker", "ok", f"{shown} lives in the daemon's own process")
    if url.startswith("sqlite:") and (path := _missing(url)) is not None:
        text = f"there is no database {path} yet: `stoker run` and `stoker migrate` create it"
        return Finding("broker", "note", text)
    try:
        async with broker_of(configuration) as broker:
            queues = await broker.queues()
    except Exception as error:
        return Finding("broker", "wrong", _placed(configuration, "broker", error))
    waiting = sum(queue.counts.pending + queue.counts.retrying for queue in queues)
    return Finding("broker", "ok", f"{shown} answers; {waiting:,} jobs wait in {len(queues)} queues")


def _missing(url: str) -> Path | None:
    from stoker.brokers.sqlite.address import parse

    path = parse(url, Path("/")).path
    return None if path.exists() else path


def _placed(configuration: Configuration, key: str, error: Exception) -> str:
    return configuration.located(key, sentence(error).removeprefix(f"{key}: "))
