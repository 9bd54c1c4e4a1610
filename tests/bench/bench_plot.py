"""Recall against queries a second as an SVG file: better is up and to the right.

Both scales are logarithmic: of the speed, and of what is missing from recall 1: 0.95 and 0.99 lie well apart."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from bench_curve import Curve, front

WIDTH, HEIGHT = 860, 470
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 46, 52
# Told apart by lightness too; ours are drawn thick.
COLOURS = ("#7b3294", "#1b7837", "#e08214", "#2166ac", "#8c510a", "#5aae61", "#35978f", "#bf812d", "#c51b7d", "#4d4d4d")
OURS = {"gigavector": "#c00000", "gigavector hybrid": "#ff5a36", "gigavector flat": "#8a1c1c"}


def _ours(name: str) -> str | None:
    """The colour of one of ours, whatever it runs in ("node gigavector")."""
    return next((colour for known, colour in reversed(OURS.items()) if name.endswith(known)), None)


RECALLS = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)


def _missing(recall: float) -> float:
    return -math.log10(1.0005 - recall)


class Frame:
    """Where a recall and a speed lie on the picture."""

    def __init__(self, curves: dict[str, Curve], lowest: float) -> None:
        speeds = [p["qps"] for curve in curves.values() for p in front(curve) if p["recall"] >= lowest]
        self.lowest = lowest
        self.low, self.high = math.log10(min(speeds)) - 0.05, math.log10(max(speeds)) + 0.05

    def x(self, recall: float) -> float:
        part = (_missing(recall) - _missing(self.lowest)) / (_missing(1) - _missing(self.lowest))
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, qps: float) -> float:
        return TOP + (self.high - math.log10(qps)) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def speeds(self) -> list[int]:
        """1, 2 and 5 times the powers of ten in sight."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        return [
            factor * 10**power
            for power in powers
            if power >= 0
            for factor in (1, 2, 5)
            if self.low <= math.log10(factor * 10**power) <= self.high
        ]


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def _grid(frame: Frame) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for recall in (*(r for r in RECALLS if r >= frame.lowest), 1):
        x = frame.x(recall)
        lines.append(f'<path d="M{x:.1f} {TOP}V{bottom}" class="g"/>')
        lines.append(_text(x, bottom + 18, f"{recall:g}", 'text-anchor="middle"'))
    for speed in frame.speeds():
        y = frame.y(speed)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{right}" class="g"/>')
        lines.append(_text(LEFT - 8, y + 4, f"{speed:,}", 'text-anchor="end"'))
    lines.append(_text((LEFT + right) / 2, HEIGHT - 12, "recall@10", 'text-anchor="middle"'))
    lines.append(_text(LEFT - 60, TOP - 10, "queries a second, one thread"))
    return lines


def _line(frame: Frame, name: str, curve: Curve, colour: str) -> list[str]:
    """Through the points no setting beats, from the first below the picture's left edge on."""
    points = [p for p in front(curve) if p["recall"] >= frame.lowest]
    places = [(frame.x(p["recall"]), frame.y(p["qps"])) for p in points]
    width = 3 if _ours(name) else 1.6
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    lines = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>']
    lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.6:.1f}" fill="{colour}"/>' for x, y in places]
    return lines


def svg(result: dict[str, Any], lowest: float = 0.8) -> str:
    """The picture of one data set's result."""
    curves = {name: index["curve"] for name, index in result["indexes"].items()}
    curves = {name: curve for name, curve in curves.items() if any(p["recall"] >= lowest for p in curve)}
    frame = Frame(curves, lowest)
    title = f"{result['data']}: {result['rows']:,} rows of {result['dimension']}, {result['metric']}"
    body = [_text(LEFT - 60, 20, title, 'font-weight="bold" font-size="15"'), *_grid(frame)]
    others = iter(COLOURS * len(curves))
    colours = {name: _ours(name) or next(others) for name in curves}
    for name in sorted(curves, key=lambda name: _ours(name) is not None):  # ours on top
        body += _line(frame, name, curves[name], colours[name])
    speed_at = {name: index["qps_at"]["0.95"] or 0 for name, index in result["indexes"].items()}
    for i, name in enumerate(sorted(curves, key=lambda name: -speed_at[name])):  # the fastest first
        y = TOP + 8 + 22 * i
        body.append(f'<path d="M{WIDTH - RIGHT + 14} {y}h18" stroke="{colours[name]}" stroke-width="3"/>')
        body.append(_text(WIDTH - RIGHT + 38, y + 4, name))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="#222">\n<title>{escape(title)}</title>\n'
        "<style>.g{stroke:#ddd;stroke-width:1}</style>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )
