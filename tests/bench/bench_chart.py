"""Small charts side by side as one SVG file, and what the pictures of the benchmark share: colours, words, frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape

# Told apart by lightness too; ours are drawn thick.
COLOURS = ("#7b3294", "#1b7837", "#e08214", "#2166ac", "#8c510a", "#5aae61", "#35978f", "#bf812d", "#c51b7d", "#4d4d4d")
OURS = {"gigavector": "#c00000", "gigavector hybrid": "#ff5a36", "gigavector flat": "#8a1c1c", "gigavector ivfpq": "#e08a00"}


def colour_of_ours(name: str) -> str | None:
    """The colour of one of ours, whatever it runs in ("node gigavector")."""
    return next((colour for known, colour in reversed(OURS.items()) if name.endswith(known)), None)


def colours_of(names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    others = iter(COLOURS * len(names))
    return {name: colour_of_ours(name) or next(others) for name in names}


def stroke_of(name: str) -> float:
    return 3 if colour_of_ours(name) else 1.6


def ours_last(names: Iterable[str]) -> list[str]:
    """As they are drawn: ours on top."""
    return sorted(names, key=lambda name: colour_of_ours(name) is not None)


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def polyline(places: list[tuple[float, float]], colour: str, width: float) -> list[str]:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    lines = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>']
    lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.6:.1f}" fill="{colour}"/>' for x, y in places]
    return lines


def document(width: int, height: int, title: str, body: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="#222">\n<title>{escape(title)}</title>\n'
        "<style>.g{stroke:#ddd;stroke-width:1}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def round_steps(low: float, high: float, factors: tuple[int, ...] = (1, 2, 5)) -> list[float]:
    """Such times the powers of ten, from low to high."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]


# ---- panels ----

PANEL_WIDTH, PANEL_HEIGHT = 300, 220
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 30, 40
HEAD, FOOT = 34, 34


@dataclass
class Panel:
    """Lines over a logarithmic x; y is logarithmic too, or from 0 to 1."""

    title: str
    x_name: str
    series: dict[str, list[tuple[float, float]]]
    share: bool = False  # y is from 0 to 1
    x_ticks: list[float] = field(default_factory=list)  # default: all x there are
    x_form: Callable[[float], str] = "{:,g}".format

    def __post_init__(self) -> None:
        points = [point for line in self.series.values() for point in line]
        xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
        self.x_ticks = self.x_ticks or xs
        self._xs = (math.log10(xs[0]) - 0.03, math.log10(xs[-1]) + 0.03)
        self._ys = (0.0, 1.02) if self.share else (math.log10(min(ys)) - 0.08, math.log10(max(ys)) + 0.08)

    def x(self, value: float) -> float:
        low, high = self._xs
        return LEFT + (math.log10(value) - low) / (high - low) * (PANEL_WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self._ys
        part = ((value if self.share else math.log10(value)) - low) / (high - low)
        return PANEL_HEIGHT - BOTTOM - part * (PANEL_HEIGHT - TOP - BOTTOM)

    def y_ticks(self) -> list[float]:
        if self.share:
            return [0, 0.2, 0.4, 0.6, 0.8, 1]
        low, high = (10**end for end in self._ys)
        fine = round_steps(low, high)
        return fine if len(fine) <= 8 else round_steps(low, high, (1,))

    def drawn(self, colours: dict[str, str]) -> list[str]:
        bottom = PANEL_HEIGHT - BOTTOM
        lines = [text(LEFT, TOP - 10, self.title, 'font-weight="bold"')]
        for value in self.x_ticks:
            x = self.x(value)
            lines.append(f'<path d="M{x:.1f} {TOP}V{bottom}" class="g"/>')
            lines.append(text(x, bottom + 15, self.x_form(value), 'text-anchor="middle" font-size="10"'))
        for value in self.y_ticks():
            y = self.y(value)
            lines.append(f'<path d="M{LEFT} {y:.1f}H{PANEL_WIDTH - RIGHT}" class="g"/>')
            lines.append(text(LEFT - 6, y + 4, f"{value:,g}", 'text-anchor="end" font-size="10"'))
        middle = (LEFT + PANEL_WIDTH - RIGHT) / 2
        lines.append(text(middle, PANEL_HEIGHT - 8, self.x_name, 'text-anchor="middle" font-size="11"'))
        for name in ours_last(name for name, line in self.series.items() if line):
            places = [(self.x(x), self.y(y)) for x, y in sorted(self.series[name])]
            lines += polyline(places, colours[name], stroke_of(name) * 0.7)
        return lines


def grid(title: str, rows: list[list[Panel]]) -> str:
    """The picture of panels in rows, with one legend below."""
    names = list(dict.fromkeys(name for row in rows for panel in row for name in panel.series))
    colours = colours_of(names)
    width = PANEL_WIDTH * max(len(row) for row in rows)
    height = HEAD + PANEL_HEIGHT * len(rows) + FOOT
    body = [text(14, 22, title, 'font-weight="bold" font-size="15"')]
    for i, row in enumerate(rows):
        for j, panel in enumerate(row):
            body.append(f'<g transform="translate({PANEL_WIDTH * j} {HEAD + PANEL_HEIGHT * i})">')
            body += [*panel.drawn(colours), "</g>"]
    for i, name in enumerate(names):
        x, y = 20 + i * (width - 20) / len(names), height - FOOT / 2
        body.append(f'<path d="M{x:.1f} {y:.1f}h18" stroke="{colours[name]}" stroke-width="3"/>')
        body.append(text(x + 24, y + 4, name))
    return document(width, height, title, body)
