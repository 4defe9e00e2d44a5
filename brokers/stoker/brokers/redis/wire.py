"""A connection for scripts, and for hints: questions go out as they come, answers come in their order.

redis-py opens it. What it does for every single command (a connection out of its pool, a look whether
it is alive, timeouts around writing and reading, retries, counters) takes longer than the server does
for a job; here a question is a write, and an answer a future. Whoever goes away disturbs nobody.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis import exceptions

from stoker.brokers.redis.connections import ANSWER_WITHIN

Word = bytes | str | int | float
Hear = Callable[[bytes], None]
_NOTHING_YET = object()


class Wire(asyncio.Protocol):
    """One connection, of the loop that it is made on."""

    def __init__(self, stream: asyncio.StreamWriter, *, hear: Hear | None = None) -> None:
        self.lost = asyncio.Event()
        """It is closed: by us, by the server, or by the network."""
        self.heard_at = 0.0
        """When something last came in, by the loop's clock."""
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._asked = deque[asyncio.Future[Any]]()
        self._answers = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=exceptions.ResponseError,
            notEnoughData=_NOTHING_YET,
        )
        self._stream = stream
        self._transport = stream.transport
        self._transport.set_protocol(self)

    async def ask(self, *words: Word) -> Any:
        """One command. Raises redis-py's errors, and TimeoutError where no answer comes in time."""
        if self.lost.is_set():
            raise exceptions.ConnectionError("the connection is closed")
        answer = self._loop.create_future()
        self._asked.append(answer)
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]
        timer = self._loop.call_later(ANSWER_WITHIN, self._give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def _give_up(self, answer: "asyncio.Future[Any]") -> None:
        if not answer.done():
            answer.set_exception(TimeoutError(f"no answer for {ANSWER_WITHIN:g} s"))
        self.close()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        self._answers.feed(data)
        try:
            while (answer := self._answers.gets()) is not _NOTHING_YET:
                self._take(answer)
        except exceptions.InvalidResponse as error:
            self._end(error)

    def _take(self, answer: Any) -> None:
        if self._hear is not None and isinstance(answer, list) and answer[0] == b"message":
            self._hear(answer[2])
            return
        waiting = self._asked.popleft()
        if waiting.done():
            return  # whoever asked has gone
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(exceptions.ConnectionError(str(error or "the server closed the connection")))

    def close(self) -> None:
        self._end(exceptions.ConnectionError("the connection was closed"))

    def _end(self, error: Exception) -> None:
        self.lost.set()
        self._stream.close()
        for waiting in self._asked:
            if not waiting.done():
                waiting.set_exception(error)
        self._asked.clear()
