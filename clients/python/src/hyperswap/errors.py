"""Exceptions by code, and how gRPC errors become them.

Every error that a service answers with has a stable code in one catalogue, and each code has its
exception here: ``SCENE_NOT_FOUND`` is :class:`SceneNotFoundError`. Groups share a base class, so
that ``except hyperswap.errors.NotFoundError`` catches all of its kind, and
``except hyperswap.HyperswapError`` catches all errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.rpc import error_details_pb2, status_pb2

from hyperswap import _catalogue
from hyperswap._catalogue import *  # noqa: F403
from hyperswap._catalogue import (
    CancelledError,
    DeadlineError,
    ServiceUnreachableError,
)
from hyperswap._error_base import (
    AccessError,
    BusyError,
    ConflictError,
    Detail,
    HyperswapError,
    InvalidArgumentError,
    NotFoundError,
    PreconditionError,
    UnavailableError,
)

if TYPE_CHECKING:
    from hyperswap.v1 import error_pb2

__all__ = [  # noqa: PLE0604
    "AccessError",
    "BusyError",
    "ConflictError",
    "HyperswapError",
    "InvalidArgumentError",
    "MissingPackageError",
    "NotFoundError",
    "PreconditionError",
    "ServiceError",
    "UnavailableError",
    *_catalogue.__all__,
]

_details_key = "grpc-status-details-bin"


class ServiceError(HyperswapError):
    """Error whose code this version of the package does not know.

    A newer service, or a proxy in front of it, answered. ``details["code"]`` is its code, and
    ``details["status"]`` the gRPC status.
    """

    code: ClassVar[str] = "SERVICE_ERROR"


class MissingPackageError(ImportError):
    """Optional package that a call needs and that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}: run pip install 'hyperswap[{extra}]'.",
            name=package,
        )


def _classes() -> dict[str, type[HyperswapError]]:
    found = (getattr(_catalogue, name) for name in _catalogue.__all__)
    return {error.code: error for error in found}


by_code: dict[str, type[HyperswapError]] = _classes()
"""Exception class of each code."""


def error_of(
    code: str,
    message: str,
    details: dict[str, str] | None = None,
    retry_after: float | None = None,
    status: str = "UNKNOWN",
) -> HyperswapError:
    """Return the exception of a code; :class:`ServiceError` for a code that is not known."""
    found = by_code.get(code)
    if found is None:
        known: dict[str, Detail] = {"code": code, "status": status, "message": message}
        return ServiceError(f"{message} ({code})", known, retry_after)
    typed = {name: _typed(found.kinds.get(name), value) for name, value in (details or {}).items()}
    return found(message, typed, retry_after)


def _typed(kind: str | None, value: str) -> Detail:
    if kind != "number":
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def from_error_status(status: error_pb2.ErrorStatus) -> HyperswapError:
    """Return the exception of an error that came as a part of an answer."""
    retry = status.retry_after.ToTimedelta().total_seconds() if status.HasField("retry_after") else None
    return error_of(status.code, status.message, dict(status.details), retry)


def from_rpc_error(error: grpc.RpcError, endpoint: str) -> HyperswapError:
    """Return the exception that a failed call stands for.

    Parameters
    ----------
    error
        What grpcio raised. Raise the result ``from`` it.
    endpoint
        Named where nothing answers.
    """
    code: grpc.StatusCode = error.code()
    message: str = error.details() or ""
    found = _details_of(error)
    if found is not None:
        return error_of(found[0], message, found[1], found[2], code.name)
    if code is grpc.StatusCode.UNAVAILABLE:
        failed = ServiceUnreachableError.of(endpoint=endpoint, reason=message)
        failed.retry_after = 1.0
        return failed
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineError.of(what="The call")
    if code is grpc.StatusCode.CANCELLED:
        return CancelledError.of(what="The call")
    return error_of(code.name, message, status=code.name)


def _details_of(error: grpc.RpcError) -> tuple[str, dict[str, str], float | None] | None:
    trailers: Any = error.trailing_metadata() or ()
    raw = next((value for key, value in trailers if key == _details_key), None)
    if not isinstance(raw, bytes):
        return None
    status = status_pb2.Status()
    try:
        status.ParseFromString(raw)
    except Exception:  # The details of a proxy may be of another form.
        return None
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    retry_after: float | None = None
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    if info.reason == "":
        return None
    return info.reason, dict(info.metadata), retry_after
