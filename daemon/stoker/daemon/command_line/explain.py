"""`stoker explain`."""

from datetime import UTC, datetime

from stoker.daemon.command_line.explaining import explained
from stoker.daemon.command_line.facts import Facts
from stoker.daemon.command_line.opening import configured, open_client
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import print_json, print_line


async def explain(id: str, /, *, options: Printing = PRINTING) -> None:
    """Why a job is not running, or why it ran twice or late.

    Parameters
    ----------
    id
        Of the job.
    """
    lease = configured(options).settings.lease
    async with open_client(options) as client:
        detail = await client.job(id)
        queues = {queue.counts.queue: queue for queue in await client.queues()}
        facts = Facts(
            detail=detail,
            queue=queues.get(detail.job.queue),
            pauses=tuple(await client.broker.pauses()),
            workers=tuple(await client.workers()),
            types=await client.types(),
            lease=lease,
            now=datetime.now(UTC),
        )
    sentences = explained(facts)
    if options.json:
        print_json(sentences)
        return
    for sentence in sentences:
        print_line(sentence)
