"""One look for all progress bars: lively on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys

from tqdm import tqdm


class Bar(tqdm):
    """A bar that an interrupt does not get past: Python drops a KeyboardInterrupt that comes up in a callback, of a thread
    that ends for example. on_interrupt() remembers it, and the next step raises it again."""

    interrupted = False

    @classmethod
    def on_interrupt(cls, _number: int, _frame: object) -> None:
        """For signal.signal(SIGINT, ...)."""
        cls.interrupted = True
        raise KeyboardInterrupt

    def update(self, n: float | None = 1) -> bool | None:
        shown = super().update(n)
        if self.interrupted:
            raise KeyboardInterrupt
        return shown


def progress(what: str, total: int, unit: str) -> Bar:
    """A bar for `total` steps; nothing at all where there is nothing to do."""
    return Bar(
        desc=f"{what:>18}",
        total=total,
        unit=" " + unit,
        disable=total == 0,
        mininterval=0.1 if sys.stderr.isatty() else 5.0,
    )
