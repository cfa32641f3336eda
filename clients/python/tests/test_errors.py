"""Exceptions, and the catalogue that they come from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hyperswap
from hyperswap import errors
from hyperswap.v1 import error_pb2

reference = Path(__file__).resolve().parents[3] / "docs" / "reference" / "errors.md"
bases = {
    "INVALID_ARGUMENT": errors.InvalidArgumentError,
    "NOT_FOUND": errors.NotFoundError,
    "ALREADY_EXISTS": errors.ConflictError,
    "ABORTED": errors.ConflictError,
    "FAILED_PRECONDITION": errors.PreconditionError,
    "PERMISSION_DENIED": errors.AccessError,
    "UNAUTHENTICATED": errors.AccessError,
    "RESOURCE_EXHAUSTED": errors.BusyError,
    "UNAVAILABLE": errors.UnavailableError,
}


def rows() -> list[tuple[str, str, str]]:
    lines = reference.read_text(encoding="utf-8").splitlines()
    found = [re.match(r"\| `([A-Z_]+)` \| ([^|]*) \| [^|]* \| (.*) \|$", line) for line in lines]
    return [(one[1], one[2].strip(), one[3]) for one in found if one is not None]


def test_each_code_of_the_reference_has_its_exception_and_sentence() -> None:
    if not reference.exists():
        pytest.skip("the reference is in the repository, not in the source distribution")
    listed = rows()
    assert len(listed) > 50
    assert {code for code, _, _ in listed} - {"SERVICE_ERROR"} == set(errors.by_code)
    for code, status, sentence in listed:
        if code == "SERVICE_ERROR":
            continue
        error = errors.by_code[code]
        assert error.__name__ == "".join(word.capitalize() for word in code.split("_")) + "Error"
        assert issubclass(error, bases.get(status, hyperswap.HyperswapError))
        assert error.of(**{name: f"‹{name}›" for name in error.kinds}).message == sentence
        assert getattr(errors, error.__name__) is error


def test_the_error_of_a_part_of_an_answer_becomes_its_exception() -> None:
    status = error_pb2.ErrorStatus(code="QUEUE_FULL", message="Full.", details={"waiting": "7", "unit": "patches"})
    status.retry_after.FromMilliseconds(1250)
    found = errors.from_error_status(status)
    assert isinstance(found, errors.QueueFullError)
    assert found.details == {"waiting": 7, "unit": "patches"} and found.retry_after == 1.25
    unknown = errors.from_error_status(error_pb2.ErrorStatus(code="MOON_PHASE", message="Full."))
    assert isinstance(unknown, errors.ServiceError) and unknown.details["code"] == "MOON_PHASE"
