"""Where the services are, how to reach them, and how calls are made, repeated and ended."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from hyperswap.errors import (
    BusyError,
    ConfigInsecureError,
    ConfigInvalidError,
    DrainingError,
    FileUnreadableError,
    HyperswapError,
    ServiceUnreachableError,
    UnavailableError,
    from_rpc_error,
)
from hyperswap.v1.adapter_pb2_grpc import AdapterServiceStub
from hyperswap.v1.backbone_pb2_grpc import BackboneServiceStub
from hyperswap.v1.scene_job_pb2_grpc import SceneJobServiceStub
from hyperswap.v1.scene_pb2_grpc import SceneServiceStub
from hyperswap.v1.tile_pb2_grpc import TileServiceStub
from hyperswap.v1.training_pb2_grpc import TrainingServiceStub

Request = TypeVar("Request")
Response = TypeVar("Response")

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
    """When a call is repeated that failed for a reason that can pass.

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
    """Tell errors after which the same call can succeed.

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
    """Tell the end of a connection from the end of what was watched."""
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
        preprocessing, trainer, inference = (self._channel(endpoint_of(endpoint, name)) for name in service_names)
        self.scenes = SceneServiceStub(preprocessing)
        self.trainings = TrainingServiceStub(trainer)
        self.backbones = BackboneServiceStub(trainer)
        self.adapters = AdapterServiceStub(inference)
        self.scene_jobs = SceneJobServiceStub(inference)
        self.tiles = TileServiceStub(inference)

    def _channel(self, address: str) -> grpc.aio.Channel:
        """Return the connection to an address, one for all services that are there."""
        if address in self._channels:
            return self._channels[address]
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
        channel = (
            grpc.aio.secure_channel(target, _credentials(self._tls), options)
            if is_tls
            else grpc.aio.insecure_channel(target, options)
        )
        self._channels[address] = channel
        return channel

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

    def metadata(self) -> Sequence[tuple[str, str]]:
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
        """Call a method, and repeat it as the policy says."""
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
        method: grpc.aio.StreamStreamMultiCallable[Request, Response],
        requests: AsyncIterator[Request],
    ) -> AsyncIterator[Response]:
        """Send requests as fast as the service takes them, and yield its answers as they are asked for.

        An error of ``requests`` ends the call, and is raised to the reader.
        """
        call = method(metadata=self.metadata())
        sending = asyncio.ensure_future(_send(call, requests))
        try:
            while True:
                answer: Any = await call.read()
                if answer is grpc.aio.EOF:
                    break
                yield answer
            await sending
        except grpc.RpcError as error:
            raise (_failure_of(sending) or self.error(error)) from error
        except asyncio.CancelledError:
            # A call that was cancelled here, because its requests failed, is no cancelled task.
            failed = _failure_of(sending)
            if failed is None:
                raise
            raise failed from None
        finally:
            sending.cancel()
            call.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def upload(
        self,
        method: grpc.aio.StreamUnaryMultiCallable[Request, Response],
        requests: AsyncIterator[Request],
    ) -> Response:
        """Send requests, and return the one answer."""
        try:
            answer: Response = await method(requests, metadata=self.metadata())
            return answer
        except grpc.RpcError as error:
            raise self.error(error) from error

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


async def _send(call: Any, requests: AsyncIterator[Any]) -> None:
    try:
        async for request in requests:
            try:
                await call.write(request)
            except (grpc.RpcError, asyncio.InvalidStateError):
                # The call is over, and its error reaches the reader.
                return
        await call.done_writing()
    except asyncio.CancelledError:
        raise
    except grpc.RpcError:
        return
    except BaseException:
        call.cancel()
        raise


def _failure_of(sending: asyncio.Future[None]) -> BaseException | None:
    if not sending.done() or sending.cancelled():
        return None
    return sending.exception()
