"""Progress of long work: a live picture in notebooks, a bar on terminals, lines elsewhere."""

from __future__ import annotations

import html
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hyperswap._records import Metrics, Progress

ProgressOption = bool | Callable[[Progress], None]
"""True shows progress, False does not, and a function receives it."""

_pause = 0.2
_bar_width = 24


class Display(Protocol):
    """Receiver of progress."""

    def __call__(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


def display_of(option: ProgressOption, title: str) -> Display:
    """Return the display that fits where this process runs."""
    if callable(option):
        return _Function(option)
    if not option:
        return _Function(lambda _: None)
    if _is_notebook():
        return _Notebook(title)
    return _Bar(title) if sys.stderr.isatty() else _Lines(title)


def _is_notebook() -> bool:
    # Without importing IPython: it is there when this is a notebook.
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class _Function:
    def __init__(self, function: Callable[[Progress], None]) -> None:
        self._function = function

    def __call__(self, progress: Progress) -> None:
        self._function(progress)

    def close(self) -> None:
        pass


class _Lines:
    """A line at each tenth of a stage."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._last: tuple[str, int] | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.total == 0:
            return
        tenth = 10 * progress.done // progress.total
        if self._last == (progress.stage, tenth):
            return
        self._last = (progress.stage, tenth)
        line = f"{self._title}: {progress.stage}: {10 * tenth}% {_note(progress)}".rstrip()
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class _Bar:
    """A bar of tqdm where it is installed, else one that is drawn here."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stage: str | None = None
        self._bar: Any = None
        self._drawn = 0.0
        try:
            from tqdm import tqdm

            self._tqdm: Any = tqdm
        except ImportError:
            self._tqdm = None

    def __call__(self, progress: Progress) -> None:
        if progress.total == 0:
            return
        if self._tqdm is not None:
            self._update(progress)
        else:
            self._draw(progress)

    def _update(self, progress: Progress) -> None:
        if self._stage != progress.stage:
            self.close()
            self._stage = progress.stage
            self._bar = self._tqdm(total=progress.total, desc=f"{self._title}: {progress.stage}", file=sys.stderr)
        self._bar.total = progress.total
        note = _note(progress)
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def _draw(self, progress: Progress) -> None:
        now = time.monotonic()
        is_new = self._stage != progress.stage
        if not is_new and now - self._drawn < _pause and progress.done < progress.total:
            return
        if is_new and self._stage is not None:
            sys.stderr.write("\n")
        self._stage, self._drawn = progress.stage, now
        share = min(1.0, progress.done / progress.total)
        full = int(_bar_width * share)
        bar = "█" * full + "░" * (_bar_width - full)
        text = f"{self._title}: {progress.stage} {bar} {100 * share:3.0f}% {_note(progress)}"
        sys.stderr.write(f"\r\x1b[K{text[:118].rstrip()}")
        sys.stderr.flush()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        elif self._stage is not None:
            sys.stderr.write("\n")
        self._stage = None


class _Notebook:
    """An output of the cell that is drawn again as the work goes on."""

    def __init__(self, title: str) -> None:
        from IPython.display import HTML, display

        self._html: Any = HTML
        self._title = title
        self._losses: list[float] = []
        self._epoch = 0
        self._last = Progress("", 0, 0)
        self._drawn = 0.0
        self._output: Any = display(HTML(self._render()), display_id=True)  # type: ignore[no-untyped-call]

    def __call__(self, progress: Progress) -> None:
        if progress.loss is not None and progress.epoch != self._epoch:
            self._epoch = progress.epoch
            self._losses.append(progress.loss)
        is_new = progress.stage != self._last.stage
        self._last = progress
        now = time.monotonic()
        if is_new or now - self._drawn >= _pause:
            self._drawn = now
            self._output.update(self._html(self._render()))

    def close(self) -> None:
        self._output.update(self._html(self._render()))

    def _render(self) -> str:
        last = self._last
        share = 0.0 if last.total == 0 else last.done / last.total
        text = html.escape(" ".join(filter(None, (f"{self._title}: {last.stage}", _note(last)))))
        bar = f'<progress value="{share:.3f}" max="1" style="width:18em"></progress> {100 * share:.0f} % {text}'
        return f"<div>{bar}</div>{loss_svg(self._losses)}"


def _note(progress: Progress) -> str:
    if progress.loss is None:
        return ""
    epoch = f"epoch {progress.epoch}, " if progress.epoch > 0 else ""
    return f"{epoch}loss {progress.loss:.3f}"


def loss_svg(losses: Sequence[float], width: int = 360, height: int = 110) -> str:
    """Return the curve of a loss over epochs as SVG; nothing for fewer than two values."""
    values = [float(one) for one in losses if math.isfinite(one)]
    if len(values) < 2:
        return ""
    left, right, top, bottom = 42, 8, 8, 22
    low, high = min(0.0, *values), max(values) or 1.0
    across, up = width - left - right, height - top - bottom

    def place(index: int, value: float) -> str:
        x = left + across * index / (len(values) - 1)
        y = top + up * (1 - (value - low) / ((high - low) or 1.0))
        return f"{x:.1f},{y:.1f}"

    points = " ".join(place(index, value) for index, value in enumerate(values))
    base = height - bottom
    text = 'font-size="10" fill="currentColor" font-family="sans-serif"'
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="loss by epoch">'
        f'<path d="M{left} {top}V{base}H{width - right}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f77b4" stroke-width="1.5"/>'
        f'<text x="{left - 4}" y="{top + 8}" text-anchor="end" {text}>{high:.2g}</text>'
        f'<text x="{left - 4}" y="{base}" text-anchor="end" {text}>{low:.2g}</text>'
        f'<text x="{left}" y="{height - 6}" {text}>loss; epoch 1 to {len(values)}</text></svg>'
    )


def metrics_html(metrics: Metrics) -> str:
    """Return a table of metrics as HTML."""
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(one.name)}</td><td>{one.pixels}</td>"
        f"<td>{100 * one.recall:.1f}</td><td>{100 * one.precision:.1f}</td><td>{100 * one.f1:.1f}</td></tr>"
        for one in metrics.per_class
        if one.pixels > 0
    )
    return (
        f"<p>overall accuracy <b>{100 * metrics.overall_accuracy:.2f} %</b>, average accuracy "
        f"{100 * metrics.average_accuracy:.2f} %, kappa {metrics.kappa:.4f}</p>"
        "<details><summary>by class</summary><table><thead><tr><th style='text-align:left'>class</th><th>pixels</th>"
        f"<th>recall %</th><th>precision %</th><th>F1 %</th></tr></thead><tbody>{rows}</tbody></table></details>"
    )
