"""Streams of tiles: sent and read with back-pressure, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperswap._channels import Channels, may_pass
from hyperswap._exchange import Worker, end
from hyperswap._sources import Source
from hyperswap.errors import FieldInvalidError, HyperswapError, InternalError, from_error_status
from hyperswap.v1 import scene_pb2, tile_pb2

Order = Literal["given", "ready"]
Errors = Literal["raise", "return"]
Content = Literal["raw", "prepared"]

tiles_in_flight = 64
"""Maximum number of tiles in flight: taken, but without a result that was read."""


@dataclass(frozen=True)
class Tile:
    """Rectangle of pixels to classify, with pixels around it.

    Parameters
    ----------
    pixels
        Values (rows, columns, bands) of the window and of the pixels around it.
    id
        Identifier, repeated in the result; the tile's number by default.
    row, column
        Place of the window in its scene, repeated in the result.
    halo
        Pixels around the window on all four sides.
    margins
        Pixels above, to the left, below and to the right of the window; given instead of ``halo``
        where they differ, as at the border of a scene.
    adapter
        Adapter of this tile, in place of the stream's.

    Examples
    --------
    >>> import numpy as np, hyperswap
    >>> tile = hyperswap.Tile(np.zeros((64 + 2 * 7, 64 + 2 * 7, 200), "uint16"), halo=7)
    """

    pixels: ArrayLike
    id: str | None = None
    row: int = 0
    column: int = 0
    halo: int = 0
    margins: tuple[int, int, int, int] | None = None
    adapter: str = ""


TileLike = Tile | ArrayLike
"""A tile, or the pixels (rows, columns, bands) of one without a halo."""


@dataclass(frozen=True)
class TileResult:
    """Classified tile.

    Attributes
    ----------
    id : str
        Identifier of the tile.
    row, column : int
        Place of the tile in its scene.
    labels : numpy.ndarray
        Class of each pixel, uint8 (rows, columns): from 1, or 0 for a pixel without data.
    confidence : numpy.ndarray or None
        Probability of that class, float32 (rows, columns), from 0 to 1.
    probabilities : numpy.ndarray or None
        Probability of every class, float32 (rows, columns, classes).
    adapter : str
        Version that classified, as ``"field@7"``.
    queued, engine : float
        Seconds from the tile's arrival to its first batch, and from there to its result.
    error : HyperswapError or None
        Reason for which this tile was not classified; all other fields are empty then.
    """

    id: str
    row: int
    column: int
    labels: NDArray[np.uint8] = field(repr=False)
    confidence: NDArray[np.float32] | None = field(repr=False)
    probabilities: NDArray[np.float32] | None = field(repr=False)
    adapter: str
    queued: float
    engine: float
    error: HyperswapError | None = None


def fractions(raw: bytes | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return probabilities, which travel in 255ths, as float32 from 0 to 1."""
    values = np.frombuffer(raw, dtype=np.uint8) if isinstance(raw, bytes) else raw
    found: NDArray[np.float32] = np.divide(values, np.float32(255), dtype=np.float32)
    return found


class TileStream:
    """One stream of tiles. Tiles that wait for an answer are kept, and sent again when the connection ends."""

    def __init__(
        self,
        channels: Channels,
        tiles: Iterable[TileLike] | AsyncIterable[TileLike],
        *,
        adapter: str,
        content: Content = "raw",
        scene: str = "",
        confidence: bool = True,
        probabilities: bool = False,
        wavelengths: Sequence[float] = (),
        pad: bool = True,
        order: Order = "given",
        errors: Errors = "raise",
    ) -> None:
        for name, value, known in (("order", order, ("given", "ready")), ("errors", errors, ("raise", "return"))):
            if value not in known:
                raise FieldInvalidError.of(field=name, reason=f"it is {value}; give {' or '.join(known)}")
        self._channels = channels
        self._source = _iterate(tiles)
        self._order = order
        self._errors = errors
        outputs = [
            tile_pb2.OUTPUT_LABELS,
            *([tile_pb2.OUTPUT_CONFIDENCE] if confidence else []),
            *([tile_pb2.OUTPUT_PROBABILITIES] if probabilities else []),
        ]
        is_raw = content == "raw"
        self._header = tile_pb2.ClassifyTilesHeader(
            adapter=adapter,
            content=tile_pb2.PIXEL_CONTENT_RAW if is_raw else tile_pb2.PIXEL_CONTENT_PREPARED,
            scene=scene,
            outputs=outputs,
            padding=tile_pb2.PADDING_REFLECT if pad else tile_pb2.PADDING_NONE,
            wavelengths=wavelengths,
        )
        self._dtype: np.dtype[Any] | None = None
        self._room = asyncio.Semaphore(tiles_in_flight)
        self._next: asyncio.Future[Tile | None] | None = None
        self._exhausted = False
        self._source_error: BaseException | None = None
        self._pending: dict[int, Tile] = {}
        self._count = 0

    async def results(self) -> AsyncIterator[TileResult]:  # noqa: PLR0912  (one loop with its ends)
        """Yield the results."""
        failures = 0
        ready: dict[int, TileResult] = {}
        turn = 0
        policy = self._channels.retry
        try:
            first = await self._pull()
            if first is None:
                return
            self._describe(first)
            self._keep(first)
            while True:
                parts: dict[int, list[tile_pb2.TileResult]] = {}
                try:
                    method = self._channels.sending.classify_tiles
                    async for response in self._channels.exchange(method, self._requests()):
                        failures = 0
                        found = self._take(response, parts)
                        if found is None:
                            continue
                        number, result = found
                        if self._order == "ready":
                            self._room.release()
                            yield result
                            continue
                        ready[number] = result
                        while turn in ready:
                            self._room.release()
                            yield ready.pop(turn)
                            turn += 1
                    if self._exhausted and not self._pending:
                        return
                    raise InternalError.of(reason="the stream ended before all tiles were answered")
                except HyperswapError as error:
                    failures += 1
                    own = self._source_error is not None or isinstance(error, _TileFailed)
                    if own or failures >= policy.attempts or not may_pass(error):
                        raise
                    await asyncio.sleep(policy.delay(failures, error))
        except _TileFailed as failed:
            raise failed.error from None
        finally:
            if self._next is not None:
                self._next.cancel()
                await asyncio.gather(self._next, return_exceptions=True)
            close = getattr(self._source, "aclose", None)
            if close is not None:
                await close()

    async def _requests(self) -> AsyncIterator[tile_pb2.ClassifyTilesRequest]:
        yield tile_pb2.ClassifyTilesRequest(header=self._header)
        for number, tile in list(self._pending.items()):
            yield self._request(number, tile)
        while True:
            tile_or_end = await self._pull()
            if tile_or_end is None:
                return
            yield self._request(self._keep(tile_or_end), tile_or_end)

    def _keep(self, tile: Tile) -> int:
        number = self._count
        self._count += 1
        self._pending[number] = tile
        return number

    async def _pull(self) -> Tile | None:
        """Return the next tile; None at the end. A tile that is on its way outlives the call that wanted it."""
        if self._exhausted:
            return None
        if self._next is None:
            await self._room.acquire()
            self._next = asyncio.ensure_future(_advance(self._source))
        try:
            tile = await asyncio.shield(self._next)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._source_error = error
            raise
        self._next = None
        self._exhausted = tile is None
        return tile

    def _describe(self, tile: Tile) -> None:
        """Take type and bands of all tiles from the first one."""
        pixels = _pixels_of(tile, 0)
        height, width, bands = pixels.shape
        kind, self._dtype = Source("tile", height, width, bands, pixels.dtype, lambda _a, _b: pixels).tile_type
        self._header.pixel_type = kind
        self._header.bands = bands

    def _request(self, number: int, tile: Tile) -> tile_pb2.ClassifyTilesRequest:
        pixels = _pixels_of(tile, number)
        assert self._dtype is not None
        if pixels.shape[2] != self._header.bands:
            reason = f"tile {number} has {pixels.shape[2]} bands; the first one has {self._header.bands}"
            raise FieldInvalidError.of(field="tiles", reason=reason)
        if not np.can_cast(pixels.dtype, self._dtype, "same_kind"):
            reason = f"tile {number} has values of {pixels.dtype}; the first one has {self._dtype}"
            raise FieldInvalidError.of(field="tiles", reason=reason)
        top, left, bottom, right = tile.margins if tile.margins is not None else (tile.halo,) * 4
        window = scene_pb2.Window(
            row=tile.row,
            column=tile.column,
            height=max(0, pixels.shape[0] - top - bottom),
            width=max(0, pixels.shape[1] - left - right),
        )
        margins = None
        if tile.margins is not None:
            margins = tile_pb2.Margins(top=top, left=left, bottom=bottom, right=right)
        sent = tile_pb2.Tile(
            id=str(number),
            window=window,
            halo=0 if tile.margins is not None else tile.halo,
            margins=margins,
            pixels=np.ascontiguousarray(pixels, dtype=self._dtype).tobytes(),
            adapter=tile.adapter,
        )
        return tile_pb2.ClassifyTilesRequest(tile=sent)

    def _take(
        self, response: tile_pb2.ClassifyTilesResponse, parts: dict[int, list[tile_pb2.TileResult]]
    ) -> tuple[int, TileResult] | None:
        number = int(response.id)
        if response.WhichOneof("outcome") == "error":
            tile = self._pending.pop(number)
            failed = from_error_status(response.error)
            if self._errors == "raise":
                raise _TileFailed(failed)
            return number, _failed_result(_id_of(tile, number), tile, failed)
        parts.setdefault(number, []).append(response.result)
        if response.result.more:
            return None
        tile = self._pending.pop(number)
        return number, _result_of(_id_of(tile, number), tile, parts.pop(number))


class _TileFailed(HyperswapError):
    """Error of one tile, which ends the stream and is no reason to send tiles again."""

    def __init__(self, error: HyperswapError) -> None:
        super().__init__(error.message)
        self.error = error


def _id_of(tile: Tile, number: int) -> str:
    return tile.id if tile.id is not None else str(number)


def _pixels_of(tile: Tile, number: int) -> NDArray[Any]:
    pixels = np.asarray(tile.pixels)
    if pixels.ndim != 3 or pixels.dtype.kind not in "buif":
        reason = f"tile {number} has the shape {pixels.shape} of {pixels.dtype}; give rows, columns, bands of numbers"
        raise FieldInvalidError.of(field="tiles", reason=reason)
    return pixels


def _result_of(name: str, tile: Tile, parts: Sequence[tile_pb2.TileResult]) -> TileResult:
    last = parts[-1]
    width = last.window.width
    parts = sorted(parts, key=lambda part: part.window.row)
    labels = np.frombuffer(b"".join(part.labels for part in parts), dtype=np.uint8).reshape(-1, width)
    confidence = b"".join(part.confidence for part in parts)
    probabilities = b"".join(part.probabilities for part in parts)
    return TileResult(
        id=name,
        row=tile.row,
        column=tile.column,
        labels=labels,
        confidence=fractions(confidence).reshape(labels.shape) if confidence else None,
        probabilities=fractions(probabilities).reshape(*labels.shape, -1) if probabilities else None,
        adapter=last.adapter,
        queued=last.queued.ToTimedelta().total_seconds(),
        engine=last.engine.ToTimedelta().total_seconds(),
    )


def _failed_result(name: str, tile: Tile, error: HyperswapError) -> TileResult:
    empty = np.zeros((0, 0), dtype=np.uint8)
    return TileResult(name, tile.row, tile.column, empty, None, None, "", 0.0, 0.0, error)


async def _iterate(tiles: Iterable[TileLike] | AsyncIterable[TileLike]) -> AsyncIterator[Tile]:
    if isinstance(tiles, AsyncIterable):
        async for tile in tiles:
            yield _tile_of(tile)
        return
    iterator = iter(tiles)
    # Reading a file, or tiles of a scene with this client, must not block the loop.
    reader = Worker("tiles")
    try:
        while True:
            tile_or_end: Any = await reader.call(lambda: next(iterator, end))
            if tile_or_end is end:
                return
            yield _tile_of(tile_or_end)
    finally:
        reader.close()


def _tile_of(tile: TileLike) -> Tile:
    return tile if isinstance(tile, Tile) else Tile(tile)


async def _advance(source: AsyncIterator[Tile]) -> Tile | None:
    try:
        return await source.__anext__()
    except StopAsyncIteration:
        return None
