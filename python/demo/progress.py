"""One look for all progress bars: lively on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys

from tqdm import tqdm


def progress(what: str, total: int, unit: str) -> tqdm:
    """A bar for `total` steps; nothing at all where there is nothing to do."""
    return tqdm(
        desc=f"{what:>18}",
        total=total,
        unit=" " + unit,
        disable=total == 0,
        mininterval=0.1 if sys.stderr.isatty() else 5.0,
    )
