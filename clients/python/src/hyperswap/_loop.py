"""Event loop in its own thread, which runs the asynchronous client for blocking callers."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

from hyperswap._records import Progress
from hyperswap.errors import CancelledError

Result = TypeVar("Result")

_cancel_seconds = 10.0
# Waiting without a limit cannot be interrupted by Ctrl-C on Windows.
_poll_seconds = 0.2 if sys.platform == "win32" else None


class LoopThread:
    """Event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hyperswap", daemon=True)
        self._thread.start()

    def run(
        self,
        start: Callable[[Callable[[Progress], None]], Awaitable[Result]],
        show: Callable[[Progress], None] | None = None,
    ) -> Result:
        """Run asynchronous work, and return its result. Ctrl-C cancels it.

        Parameters
        ----------
        start
            Makes the work; it is given the function that takes its progress.
        show
            Is told of the progress in the calling thread.
        """
        if not self._thread.is_alive() or self._loop.is_closed():
            raise CancelledError.of(what="The call on a client that is closed")
        messages: queue.SimpleQueue[Progress | asyncio.Task[Result]] = queue.SimpleQueue()
        tasks: list[asyncio.Task[Result]] = []

        async def work() -> Result:
            return await start(messages.put)

        def begin() -> None:
            task = self._loop.create_task(work())
            tasks.append(task)
            task.add_done_callback(messages.put)

        self._loop.call_soon_threadsafe(begin)
        try:
            while True:
                try:
                    message = messages.get(timeout=_poll_seconds)
                except queue.Empty:
                    continue
                if not isinstance(message, Progress):
                    return _result(message)
                if show is not None:
                    show(message)
        except BaseException:
            if tasks and not tasks[0].done():
                self._loop.call_soon_threadsafe(tasks[0].cancel)
                self._wait(messages)
            raise

    def iterate(self, items: AsyncIterator[Result]) -> Iterator[Result]:
        """Yield what an asynchronous iterator yields, one at a time as it is asked for."""
        closing: Any = items
        try:
            while True:
                try:
                    item = self.run(lambda _: items.__anext__())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if not self._loop.is_closed():
                self.apart(lambda: self.run(lambda _: closing.aclose()))

    def apart(self, work: Callable[[], object]) -> None:
        """Run work that waits for this loop: here, or in another thread if this is the loop's thread.

        What is collected as garbage is closed in any thread.
        """
        if threading.current_thread() is self._thread:
            threading.Thread(target=work, daemon=True).start()
        else:
            work()

    def close(self) -> None:
        """End the loop."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_cancel_seconds)
        if not self._thread.is_alive():
            self._loop.close()

    @staticmethod
    def _wait(messages: queue.SimpleQueue[Any]) -> None:
        """Wait until cancelled work has ended, so that what it started is ended too."""
        try:
            while isinstance(messages.get(timeout=_cancel_seconds), Progress):
                pass
        except queue.Empty:
            pass


def _result(task: asyncio.Task[Result]) -> Result:
    if task.cancelled():
        raise CancelledError.of(what="The call")
    return task.result()
