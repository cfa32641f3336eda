"""Channels to the services: addresses, credentials, calls, retries and cancellation."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc
import grpc.aio

from hyperswap._exchange import Requests, Worker, end
from hyperswap.errors import (
    BusyError,
    CancelledError,
    ConfigInsecureError,
    ConfigInvalidError,
    DrainingError,
    FileUnreadableError,
    HyperswapError,
    ServiceUnreachableError,
    UnavailableError,
    from_rpc_error,
)
from hyperswap.v1 import adapter_pb2, scene_pb2, tile_pb2
from hyperswap.v1.adapter_pb2_grpc import AdapterServiceStub
from hyperswap.v1.backbone_pb2_grpc import BackboneServiceStub
from hyperswap.v1.scene_job_pb2_grpc import SceneJobServiceStub
from hyperswap.v1.scene_pb2_grpc import SceneServiceStub
from hyperswap.v1.tile_pb2_grpc import TileServiceStub
from hyperswap.v1.training_pb2_grpc import TrainingServiceStub

Request = TypeVar("Request")
Response = TypeVar("Response")


class HasPageToken(Protocol):
    """Request of a page."""

    page_token: str


class HasNextPageToken(Protocol):
    """Page with the token of the next; an empty token marks the last page."""

    next_page_token: str


PageRequest = TypeVar("PageRequest", bound=HasPageToken)
Page = TypeVar("Page", bound=HasNextPageToken)

service_names = ("preprocessing", "trainer", "tile-inference")
message_bytes = 64 * 1024 * 1024
"""Largest message that the services take."""

_service_config = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


@dataclass(frozen=True)
class Tls:
    """Certificates of a connection.

    Parameters
    ----------
    authority
        PEM file of the authority to trust, beside those of the system.
    certificate, key
        PEM files of who the client is, for services that ask.
    server_name
        Name that the certificate of the service holds, where the endpoint is another one.

    Examples
    --------
    >>> import hyperswap
    >>> tls = hyperswap.Tls(authority="ca.pem")
    """

    authority: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    server_name: str | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """Policy for retries of calls that failed for a temporary reason.

    A call is repeated when the service says after how long it can succeed (``RetryInfo``: a full
    queue, a store that does not answer, a process that shuts down), and when the service cannot be
    reached and repeating the call does no harm. It waits as long as the service says, else
    ``first_delay`` seconds, doubled each time up to ``longest_delay``.

    Parameters
    ----------
    attempts
        Tries of a call, the first one included; 1 repeats nothing.
    first_delay, longest_delay
        Seconds.

    Examples
    --------
    >>> import hyperswap
    >>> never = hyperswap.RetryPolicy(attempts=1)
    """

    attempts: int = 5
    first_delay: float = 0.2
    longest_delay: float = 5.0

    def delay(self, failures: int, error: HyperswapError) -> float:
        """Return the seconds to wait after so many failures."""
        usual = min(self.longest_delay, self.first_delay * 2.0 ** (failures - 1))
        return max(usual, min(error.retry_after or 0.0, self.longest_delay))


def may_pass(error: HyperswapError, idempotent: bool = True) -> bool:
    """Return true for errors after which the same call can succeed.

    Parameters
    ----------
    error
        The error.
    idempotent
        Repeating the call does no harm, even where the first one arrived.
    """
    if isinstance(error, ServiceUnreachableError):
        return idempotent
    return error.retry_after is not None and isinstance(error, BusyError | UnavailableError)


def is_cut_off(error: BaseException) -> bool:
    """Return true if the connection ended, and not the watched work."""
    return isinstance(error, ServiceUnreachableError | DrainingError)


def endpoint_of(endpoint: str, service: str) -> str:
    """Return the address of one service.

    Raises
    ------
    hyperswap.errors.ConfigInvalidError
        The endpoint names services, but not this one.
    """
    if "=" not in endpoint:
        return endpoint
    pairs = (part.partition("=") for part in endpoint.split(","))
    found = {name.strip(): address.strip() for name, _, address in pairs}
    if found.get(service) and all(name in service_names for name in found):
        return found[service]
    allowed = "one address, or " + ",".join(f"{name}=host:port" for name in service_names)
    raise ConfigInvalidError.of(key="endpoint", value=endpoint, allowed=allowed)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


def _read(key: str, file: str | os.PathLike[str]) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise FileUnreadableError.of(file=os.fspath(file), reason=f"{reason} ({key})") from error


TokenSource = str | os.PathLike[str] | Callable[[], str]


def _token_reader(token: TokenSource) -> Callable[[], str]:
    """Return a function that gives the token of a call. A file is read for each, as tokens are renewed."""
    if callable(token):
        return token
    if isinstance(token, str):
        return lambda: token
    file = token
    return lambda: _read("token", file).decode().strip()


class Sending:
    """Methods that take a stream of requests, for :meth:`Channels.exchange` and :meth:`Channels.upload`."""

    def __init__(self, channel: Callable[[str], grpc.Channel]) -> None:
        self._channel = channel

    @property
    def prepare_scene(
        self,
    ) -> grpc.StreamStreamMultiCallable[scene_pb2.PrepareSceneRequest, scene_pb2.PrepareSceneResponse]:
        """``SceneService.PrepareScene``."""
        return SceneServiceStub(self._channel("preprocessing")).PrepareScene

    @property
    def classify_tiles(
        self,
    ) -> grpc.StreamStreamMultiCallable[tile_pb2.ClassifyTilesRequest, tile_pb2.ClassifyTilesResponse]:
        """``TileService.ClassifyTiles``."""
        return TileServiceStub(self._channel("tile-inference")).ClassifyTiles

    @property
    def register_adapter(
        self,
    ) -> grpc.StreamUnaryMultiCallable[adapter_pb2.RegisterAdapterRequest, adapter_pb2.RegisterAdapterResponse]:
        """``AdapterService.RegisterAdapter``."""
        return AdapterServiceStub(self._channel("tile-inference")).RegisterAdapter


class Channels:
    """Open connections to the services, and the calls over them."""

    def __init__(
        self,
        endpoint: str,
        *,
        tls: Tls | None = None,
        token: TokenSource | None = None,
        insecure: bool = False,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self.retry = retry if retry is not None else RetryPolicy()
        self._tls = tls
        self._token = None if token is None else _token_reader(token)
        self._insecure = insecure
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._blocking: dict[str, grpc.Channel] = {}
        preprocessing, trainer, inference = (self._channel(endpoint_of(endpoint, name)) for name in service_names)
        self.scenes = SceneServiceStub(preprocessing)
        self.trainings = TrainingServiceStub(trainer)
        self.backbones = BackboneServiceStub(trainer)
        self.adapters = AdapterServiceStub(inference)
        self.scene_jobs = SceneJobServiceStub(inference)
        self.tiles = TileServiceStub(inference)
        self.sending = Sending(self._blocking_channel)

    def _channel(self, address: str) -> grpc.aio.Channel:
        """Return the connection to an address, one for all services that are there."""
        if address not in self._channels:
            target, credentials, options = self._access(address)
            self._channels[address] = (
                grpc.aio.insecure_channel(target, options)
                if credentials is None
                else grpc.aio.secure_channel(target, credentials, options)
            )
        return self._channels[address]

    def _blocking_channel(self, service: str) -> grpc.Channel:
        """Return the connection to a service for calls that send streams; it is made at its first use."""
        address = endpoint_of(self.endpoint, service)
        if address not in self._blocking:
            target, credentials, options = self._access(address)
            self._blocking[address] = (
                grpc.insecure_channel(target, options)
                if credentials is None
                else grpc.secure_channel(target, credentials, options)
            )
        return self._blocking[address]

    def _access(self, address: str) -> tuple[str, grpc.ChannelCredentials | None, list[tuple[str, Any]]]:
        target = address.removeprefix("https://").removeprefix("http://")
        is_tls = self._tls is not None or address.startswith("https://")
        if self._token is not None and not (is_tls or self._insecure or _is_loopback(target)):
            raise ConfigInsecureError.of(
                key="endpoint", value=address, mend=f"use https://{target}, with tls=hyperswap.Tls(authority=…)"
            )
        options: list[tuple[str, Any]] = [
            ("grpc.max_send_message_length", message_bytes),
            ("grpc.max_receive_message_length", message_bytes),
            ("grpc.service_config", _service_config),
        ]
        if self._tls is not None and self._tls.server_name is not None:
            options.append(("grpc.ssl_target_name_override", self._tls.server_name))
        return target, _credentials(self._tls) if is_tls else None, options

    async def ready(self, seconds: float = 10.0) -> None:
        """Wait until all services can be reached.

        Raises
        ------
        hyperswap.errors.ServiceUnreachableError
            One of them cannot be reached in this time.
        """
        for address, channel in self._channels.items():
            try:
                await asyncio.wait_for(channel.channel_ready(), seconds)
            except asyncio.TimeoutError as error:
                reason = f"it did not accept a connection within {seconds:g} s"
                raise ServiceUnreachableError.of(endpoint=address, reason=reason) from error

    async def close(self) -> None:
        """Close the connections; calls that are open are cancelled."""
        for channel in self._channels.values():
            await channel.close()
        for blocking in self._blocking.values():
            blocking.close()

    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the metadata of a call."""
        return () if self._token is None else (("authorization", f"Bearer {self._token()}"),)

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        idempotent: bool = True,
        timeout: float | None = None,
    ) -> Response:
        """Call a method, and retry it by the policy."""
        for failures in range(1, self.retry.attempts + 1):
            try:
                answer: Response = await method(request, timeout=timeout or self.timeout, metadata=self.metadata())
                return answer
            except grpc.RpcError as error:
                failed = self.error(error)
                if failures >= self.retry.attempts or not may_pass(failed, idempotent):
                    raise failed from error
                await asyncio.sleep(self.retry.delay(failures, failed))
        raise AssertionError("a policy has at least one attempt")

    async def pages(
        self, method: grpc.aio.UnaryUnaryMultiCallable[PageRequest, Page], request: PageRequest
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list, from the one that a request names to the last."""
        while True:
            page = await self.unary(method, request)
            yield page
            if page.next_page_token == "":
                return
            request.page_token = page.next_page_token

    async def read(
        self, method: grpc.aio.UnaryStreamMultiCallable[Request, Response], request: Request
    ) -> AsyncIterator[Response]:
        """Yield the answers of a call; leaving the loop cancels it. It is repeated before its first answer only."""
        failures = 0
        while True:
            call = method(request, metadata=self.metadata())
            heard = False
            try:
                async for answer in call:
                    heard = True
                    yield answer
                return
            except grpc.RpcError as error:
                failed = self.error(error)
                failures += 1
                if heard or failures >= self.retry.attempts or not may_pass(failed, False):
                    raise failed from error
                await asyncio.sleep(self.retry.delay(failures, failed))
            finally:
                call.cancel()

    async def exchange(
        self,
        method: grpc.StreamStreamMultiCallable[Request, Response],
        requests: AsyncIterator[Request],
    ) -> AsyncIterator[Response]:
        """Send requests as fast as the service takes them, and yield its answers as they are asked for.

        An error of ``requests`` ends the call, and is raised to the reader.

        Parameters
        ----------
        method
            Method of :attr:`sending`.
        requests
            Requests; they are closed at the end.
        """
        sent = Requests(requests)
        call: Any = method(sent, metadata=self.metadata())
        sent.bind(call)
        reader = Worker("answers")
        try:
            while True:
                answer = await reader.call(lambda: next(call, end))
                if answer is end:
                    break
                yield answer
        except grpc.RpcError as error:
            raise (sent.failure or self.error(error)) from error
        finally:
            call.cancel()
            reader.close()
            await sent.close()

    async def upload(
        self,
        method: grpc.StreamUnaryMultiCallable[Request, Response],
        requests: AsyncIterator[Request],
    ) -> Response:
        """Send requests, and return the one answer; as :meth:`exchange`."""
        sent = Requests(requests)
        call: Any = method.future(sent, metadata=self.metadata())
        sent.bind(call)
        reader = Worker("answer")
        try:
            answer: Response = await reader.call(call.result)
            return answer
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            if sent.failure is not None:
                raise sent.failure from error
            if isinstance(error, grpc.FutureCancelledError):
                raise CancelledError.of(what="The call") from error
            raise self.error(error) from error
        finally:
            call.cancel()
            reader.close()
            await sent.close()

    def error(self, error: grpc.RpcError) -> HyperswapError:
        """Return the exception that a failed call stands for."""
        return from_rpc_error(error, self.endpoint)


def _credentials(tls: Tls | None) -> grpc.ChannelCredentials:
    if tls is None:
        return grpc.ssl_channel_credentials()
    roots = None
    if tls.authority is not None:
        trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
        system = "".join(ssl.DER_cert_to_PEM_cert(one) for one in trusted).encode()
        roots = _read("tls.authority", tls.authority) + b"\n" + system
    if (tls.certificate is None) != (tls.key is None):
        raise ConfigInvalidError.of(key="tls", value="one of certificate and key", allowed="both or none")
    key = None if tls.key is None else _read("tls.key", tls.key)
    chain = None if tls.certificate is None else _read("tls.certificate", tls.certificate)
    return grpc.ssl_channel_credentials(roots, key, chain)
