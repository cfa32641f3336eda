"""Examples of the docstrings, each run as it stands."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import hyperswap

flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found: dict[str, doctest.DocTest] = {}
    for name in hyperswap.__all__:
        item = getattr(hyperswap, name)
        if inspect.isclass(item) or inspect.isfunction(item):
            for one in finder.find(item, name):
                if one.examples:
                    found[one.name] = one
    return list(found.values())


@pytest.mark.parametrize("example", examples(), ids=lambda one: one.name)
def test_an_example_prints_what_it_says(
    example: doctest.DocTest,
    hs: hyperswap.Client,
    trained: hyperswap.Training,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shared: dict[str, Any] = {"hs": hs, "hyperswap": hyperswap}
    example.globs.clear()
    example.globs.update(shared)
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=flags).run(example, out=said.append)
    assert result.failed == 0, "".join(said)
