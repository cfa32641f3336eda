"""Connections: started servers, unreachable ones, tokens, retries, Ctrl-C, and the asynchronous twins."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from conftest import Toy
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from numpy.typing import NDArray

import hyperswap
import hyperswap.aio
from hyperswap import errors
from hyperswap.v1 import adapter_pb2, adapter_pb2_grpc, scene_pb2, scene_pb2_grpc, tile_pb2, tile_pb2_grpc


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_an_endpoint_where_nothing_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperswap._channels.Channels.ready.__defaults__", (0.5,))
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(errors.ServiceUnreachableError, match=re.escape(address)):
        hyperswap.connect(address)


def test_a_missing_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSWAP_ENDPOINT", raising=False)
    monkeypatch.setenv("HYPERSWAP_PORT", str(free_port()))
    monkeypatch.setenv("HYPERSWAP_COMMAND", "/no/such/hyperswap")
    with pytest.raises(errors.ServiceUnreachableError, match=r"install the command.*HYPERSWAP_COMMAND"):
        hyperswap.connect()


def test_what_a_server_fails_with_at_its_start_is_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hs: hyperswap.Client
) -> None:
    monkeypatch.setenv("HYPERSWAP_PORT", "0")
    with pytest.raises(errors.BackboneNotFoundError, match="no-such-backbone"):
        hyperswap.connect(home=tmp_path, backbone="no-such-backbone")


def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import hyperswap, os, sys\n"
        f"hs = hyperswap.connect(home={str(tmp_path)!r})\n"
        "print(hs._twin._server._process.pid, flush=True)\n"
        "if sys.argv[1] == 'kill': os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "HYPERSWAP_PORT": "0"}
    for way in ("kill", "return"):
        told = subprocess.run(
            [sys.executable, "-c", program, way],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            check=way != "kill",
        )
        process = int(told.stdout)
        end = time.monotonic() + 30
        while Path(f"/proc/{process}/stat").exists():
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                break
            assert time.monotonic() < end, "the server outlived the process that started it"
            time.sleep(0.1)


def test_ctrl_c_cancels_the_call_and_its_job(hs: hyperswap.Client, field: hyperswap.Scene, tmp_path: Path) -> None:
    program = (
        "import hyperswap, sys\n"
        f"hs = hyperswap.connect({hs.endpoint!r})\n"
        "try:\n"
        "    hs.train('field', method='lora', adapter='interrupted', split='12:4', patch_size=9, epochs=5000,\n"
        "             progress=lambda told: print(told.stage, flush=True))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() != ""
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert rest.endswith("interrupted\n") and process.returncode == 0
    job = next(one for one in hs.jobs.list("training") if one.subject == "lora on field")
    assert job.state in ("cancelling", "cancelled")


def test_a_token_needs_tls_unless_the_service_is_here_or_the_network_is_trusted() -> None:
    with pytest.raises(errors.ConfigInsecureError, match="https"):
        hyperswap.connect("example.org:7420", token="secret")
    with pytest.raises(errors.ConfigInvalidError, match="tile-inference"):
        hyperswap.connect("trainer=localhost:1")


class Refusing(adapter_pb2_grpc.AdapterServiceServicer):
    """Answers as a busy service does, some times, and keeps the tokens that it is shown."""

    def __init__(self, times: int, code: grpc.StatusCode, reason: str, retry_seconds: float | None) -> None:
        self.calls = 0
        self.tokens: list[Any] = []
        self._times = times
        self._answer = (code, reason, retry_seconds)

    def GetAdapter(self, request: Any, context: Any) -> Any:
        self.calls += 1
        self.tokens.append(dict(context.invocation_metadata()).get("authorization"))
        if self.calls <= self._times:
            refuse(context, *self._answer)
        version = adapter_pb2.AdapterVersion(name="late", version=1)
        return adapter_pb2.GetAdapterResponse(adapter=version)


def refuse(context: Any, code: grpc.StatusCode, reason: str, retry_seconds: float | None) -> None:
    details = []
    parts: list[Any] = [error_details_pb2.ErrorInfo(reason=reason, domain="hyperswap", metadata={"waiting": "9"})]
    if retry_seconds is not None:
        delay = duration_pb2.Duration(nanos=int(1e9 * retry_seconds))
        parts.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for part in parts:
        packed = any_pb2.Any()
        packed.Pack(part)
        details.append(packed)
    status = status_pb2.Status(code=code.value[0], message=f"{reason} in words", details=details)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, f"{reason} in words")


class Serving:
    """A server of stand-ins, for answers that a real service gives only in trouble."""

    def __enter__(self) -> Serving:
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        return self

    def start(self) -> hyperswap.Client:
        self.server.start()
        return hyperswap.connect(f"127.0.0.1:{self.port}", token=lambda: "a.b.c")

    def __exit__(self, *_: object) -> None:
        self.server.stop(0).wait()


def test_a_call_that_can_succeed_later_is_repeated_with_its_token() -> None:
    servicer = Refusing(2, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", 0.05)
    with Serving() as serving:
        adapter_pb2_grpc.add_AdapterServiceServicer_to_server(servicer, serving.server)
        with serving.start() as client:
            assert client.adapters.get("late").reference == "late@1"
    assert servicer.calls == 3
    assert servicer.tokens == ["Bearer a.b.c"] * 3


def test_a_call_is_given_up_after_its_attempts_with_all_that_the_service_told() -> None:
    servicer = Refusing(99, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", 0.01)
    with Serving() as serving:
        adapter_pb2_grpc.add_AdapterServiceServicer_to_server(servicer, serving.server)
        with serving.start() as client, pytest.raises(errors.QueueFullError) as caught:
            client.adapters.get("late")
    assert servicer.calls == hyperswap.RetryPolicy().attempts
    error = caught.value
    assert error.details["waiting"] == 9 and error.retry_after == pytest.approx(0.01)
    assert isinstance(error, errors.BusyError) and isinstance(error.__cause__, grpc.RpcError)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.details) == (type(error), error.message, error.details)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, "ADAPTER_NOT_FOUND", errors.AdapterNotFoundError),
        (grpc.StatusCode.DATA_LOSS, "MOON_PHASE", errors.ServiceError),
    ],
)
def test_a_call_that_cannot_succeed_is_not_repeated(
    code: grpc.StatusCode, reason: str, kind: type[hyperswap.HyperswapError]
) -> None:
    servicer = Refusing(99, code, reason, None)
    with Serving() as serving:
        adapter_pb2_grpc.add_AdapterServiceServicer_to_server(servicer, serving.server)
        with serving.start() as client, pytest.raises(kind, match=reason):
            client.adapters.get("late")
    assert servicer.calls == 1


class Forgetful(tile_pb2_grpc.TileServiceServicer):
    """Answers a few tiles of each call, then shuts down as a pod that drains does."""

    def __init__(self) -> None:
        self.calls = 0

    def ClassifyTiles(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.calls += 1
        next(requests)
        for number, request in enumerate(requests):
            if self.calls < 4 and number == 3:
                refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING", 0.01)
            tile = request.tile
            labels = tile.pixels[:: tile.window.height * tile.window.width][:1] * (
                tile.window.height * tile.window.width
            )
            result = tile_pb2.TileResult(window=tile.window, labels=labels, confidence=labels)
            yield tile_pb2.ClassifyTilesResponse(id=tile.id, result=result)


def test_tiles_that_were_not_answered_are_sent_again() -> None:
    servicer = Forgetful()
    with Serving() as serving:
        tile_pb2_grpc.add_TileServiceServicer_to_server(servicer, serving.server)
        with serving.start() as client:
            tiles = (np.full((2, 2, 1), number, dtype=np.uint8) for number in range(40))
            found = list(client.stream(tiles, "any"))
    assert servicer.calls == 4
    assert [int(one.labels[0, 0]) for one in found] == list(range(40))


class Breaking(scene_pb2_grpc.SceneServiceServicer):
    """Takes some rows of each call, and then breaks the call off, as a connection that ends does."""

    def __init__(self, row_bytes: int) -> None:
        self.stored = b""
        self.calls = 0
        self._row_bytes = row_bytes

    def PrepareScene(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.calls += 1
        header = next(requests).header
        assert header.resume_job == ("" if self.calls == 1 else "job")
        next_row = len(self.stored) // self._row_bytes
        accepted = scene_pb2.PreparationAccepted(job="job", next_row=next_row, next_label_rows={"labels": 0})
        yield scene_pb2.PrepareSceneResponse(accepted=accepted)
        for request in requests:
            if request.WhichOneof("part") != "pixels":
                continue
            assert request.pixels.row * self._row_bytes == len(self.stored)
            self.stored += request.pixels.values
            if self.calls < 4:
                context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")
        scene = scene_pb2.Scene(name=header.name, raster=header.raster, digest="d")
        yield scene_pb2.PrepareSceneResponse(scene=scene)


def test_an_upload_that_breaks_off_goes_on_at_the_row_that_the_service_names() -> None:
    pixels = np.random.default_rng(3).integers(0, 9999, (160, 400, 20)).astype(np.uint16)
    servicer = Breaking(400 * 20 * 2)
    with Serving() as serving:
        scene_pb2_grpc.add_SceneServiceServicer_to_server(servicer, serving.server)
        with serving.start() as client:
            scene = client.prepare(pixels, labels=np.ones((160, 400), int), name="large", progress=False)
    assert servicer.calls == 4 and scene.shape == pixels.shape
    assert servicer.stored == pixels.tobytes()


async def test_the_asynchronous_client_does_the_same(
    hs: hyperswap.Client, field: hyperswap.Scene, trained: hyperswap.Training, toy: Toy
) -> None:
    wanted = hs.classify(field, trained, output="numpy", progress=False)
    async with hyperswap.aio.connect(hs.endpoint) as client:
        scene = await client.prepare(toy.pixels, labels=toy.labels, name="async", progress=False)
        assert np.array_equal(await scene.labels(), toy.labels)
        training = await client.train(
            scene, method="linear-probe", split="12:4", patch_size=9, epochs=1, progress=False
        )
        assert training.done and training.reference == "async@1"
        first, second = await asyncio.gather(
            client.classify("field", trained, output="numpy", progress=False),
            client.classify_proba("field", trained, output="numpy", progress=False),
        )
        assert np.array_equal(first.labels, wanted.labels) and np.array_equal(second.labels, wanted.labels)

        async def tiles() -> AsyncIterator[NDArray[np.uint16]]:
            for start in range(5):
                await asyncio.sleep(0)
                yield toy.pixels[start : start + 9, :9]

        assert [one.id async for one in client.stream(tiles(), trained)] == list("01234")
        task = asyncio.ensure_future(
            client.train("field", method="lora", adapter="x", split="12:4", patch_size=9, epochs=5000, progress=False)
        )
        while not any(one.state == "running" for one in await client.jobs.list("training")):
            await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await scene.delete()
    newest = hs.jobs.list("training")[0]
    assert newest.state in ("cancelling", "cancelled")


def test_one_client_serves_several_threads(hs: hyperswap.Client, trained: hyperswap.Training, toy: Toy) -> None:
    found: list[int] = []

    def work() -> None:
        found.extend(one.labels.size for one in hs.stream([toy.pixels[:9, :9]] * 5, trained))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [81] * 20


def test_a_client_that_is_closed_says_so(hs: hyperswap.Client) -> None:
    client = hyperswap.connect(hs.endpoint)
    client.close()
    client.close()
    with pytest.raises(errors.CancelledError):
        client.scenes.list()


def test_a_client_that_is_collected_by_its_own_loop_closes(hs: hyperswap.Client) -> None:
    client = hyperswap.connect(hs.endpoint)
    loop = client._loop
    thread = loop._thread
    kept: list[Any] = [client]
    del client
    # The last reference goes in the thread of the loop, as when garbage is collected there.
    loop._loop.call_soon_threadsafe(kept.clear)
    thread.join(30)
    assert not thread.is_alive()
