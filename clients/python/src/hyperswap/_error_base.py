"""Base classes of all exceptions, grouped by the way in which a caller can handle them."""

from __future__ import annotations

from typing import ClassVar

Detail = str | float
"""Type of one detail of an error: text, or a number."""


class HyperswapError(Exception):
    """Error of the catalogue that all clients and services share.

    Parameters
    ----------
    message
        Sentence that names the file, field or limit, and what mends it.
    details
        Details that the sentence names, by name.
    retry_after
        Seconds after which the same call can succeed; None where a retry does not help.

    Attributes
    ----------
    code : str
        Stable code, such as ``"SCENE_NOT_FOUND"``. Each code has a subclass of its own.
    message : str
        The sentence.
    details : dict of str to str or float
        Details by name.
    retry_after : float or None
        Seconds after which the same call can succeed.

    Examples
    --------
    >>> import hyperswap
    >>> error = hyperswap.errors.SceneNotFoundError.of(scene="field")
    >>> error.code, error.details
    ('SCENE_NOT_FOUND', {'scene': 'field'})
    """

    code: ClassVar[str] = "SERVICE_ERROR"
    kinds: ClassVar[dict[str, str]] = {}
    sentence: ClassVar[str] = "{message} ({code})"

    def __init__(
        self,
        message: str,
        details: dict[str, Detail] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Detail] = dict(details or {})
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        # The exceptions cross processes, as those of a pool of workers do.
        return type(self), (self.message, self.details, self.retry_after)

    @classmethod
    def of(cls, **details: Detail) -> HyperswapError:
        """Return the error of this class, with the sentence of the catalogue."""
        return cls(cls.sentence.format(**details), details)


class InvalidArgumentError(HyperswapError, ValueError):
    """Input that cannot be used. Fix it before the next attempt."""


class NotFoundError(HyperswapError, LookupError):
    """Name, reference or job that does not exist."""


class ConflictError(HyperswapError):
    """Object that exists, or changed in the meantime."""


class PreconditionError(HyperswapError):
    """Request that the present state does not allow."""


class AccessError(HyperswapError):
    """Token that is missing, refused, or lacks a role."""


class BusyError(HyperswapError):
    """Limit that is reached at present. The same call can succeed after ``retry_after`` seconds."""


class UnavailableError(HyperswapError):
    """Service that does not answer, or one of its dependencies."""
