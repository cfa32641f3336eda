"""Calls that send a stream of requests.

They go through grpcio's blocking calls, in threads. Its asynchronous calls lose the status that a service ends a
call with while a request is being written: they report "Internal error from Core" in its place.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")

end: Any = object()
"""Marker after the last item."""


class Worker:
    """A thread that runs one function after another for an event loop.

    It is a daemon: a program that ends does not wait for a service or iterator that it reads.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"hyperswap-{name}", daemon=True).start()

    async def call(self, function: Callable[[], Result]) -> Result:
        """Run a function in the thread, and return its result."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._work.put((function, future))
        return await future

    def close(self) -> None:
        """End the thread after its function has returned."""
        self._work.put(None)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            function, future = work
            result: Any = None
            failure: BaseException | None = None
            try:
                result = function()
            except BaseException as error:
                failure = error
            try:
                self._loop.call_soon_threadsafe(_settle, future, result, failure)
            except RuntimeError:
                return  # The loop is closed.


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)


class Requests(Generic[Request]):
    """Requests of an asynchronous iterator for a blocking call, which takes them in a thread of its own."""

    def __init__(self, requests: AsyncIterator[Request]) -> None:
        self._requests = requests
        self._loop = asyncio.get_running_loop()
        self._step: asyncio.Task[Any] | None = None
        self._closed = False
        self._bound = threading.Event()
        self._call: Any = None
        self.failure: BaseException | None = None

    def bind(self, call: Any) -> None:
        """Name the call that takes the requests; it is cancelled when they fail."""
        self._call = call
        self._bound.set()

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        if self._closed:
            raise StopIteration
        try:
            item = asyncio.run_coroutine_threadsafe(self._advance(), self._loop).result()
        except BaseException as error:
            if not self._closed:
                self.failure = error
            # Requests that end are complete for the service: the call ends first.
            self._bound.wait()
            self._call.cancel()
            raise StopIteration from None
        if item is end:
            raise StopIteration
        request: Request = item
        return request

    async def close(self) -> None:
        """End the iterator."""
        self._closed = True
        if self._step is not None and not self._step.done():
            self._step.cancel()
            await asyncio.gather(self._step, return_exceptions=True)
        close = getattr(self._requests, "aclose", None)
        if close is not None:
            await close()

    async def _advance(self) -> Any:
        if self._closed:
            return end
        self._step = asyncio.current_task()
        try:
            return await self._requests.__anext__()
        except StopAsyncIteration:
            return end
