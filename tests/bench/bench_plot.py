"""Recall against queries a second as an SVG file: better is up and to the right.

Both scales are logarithmic: of the speed, and of what is missing from recall 1: 0.95 and 0.99 lie well apart."""

from __future__ import annotations

import math
from typing import Any

from bench_chart import colours_of, document, ours_last, polyline, round_steps, stroke_of, text
from bench_curve import Curve, front

WIDTH, HEIGHT = 860, 470
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 46, 52
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
        return [int(speed) for speed in round_steps(10**self.low, 10**self.high) if speed >= 1]


def _grid(frame: Frame) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for recall in (*(r for r in RECALLS if r >= frame.lowest), 1):
        x = frame.x(recall)
        lines.append(f'<path d="M{x:.1f} {TOP}V{bottom}" class="g"/>')
        lines.append(text(x, bottom + 18, f"{recall:g}", 'text-anchor="middle"'))
    for speed in frame.speeds():
        y = frame.y(speed)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{right}" class="g"/>')
        lines.append(text(LEFT - 8, y + 4, f"{speed:,}", 'text-anchor="end"'))
    lines.append(text((LEFT + right) / 2, HEIGHT - 12, "recall@10", 'text-anchor="middle"'))
    lines.append(text(LEFT - 60, TOP - 10, "queries a second, one thread"))
    return lines


def _line(frame: Frame, name: str, curve: Curve, colour: str) -> list[str]:
    """Through the points no setting beats, from the first below the picture's left edge on."""
    points = [p for p in front(curve) if p["recall"] >= frame.lowest]
    places = [(frame.x(p["recall"]), frame.y(p["qps"])) for p in points]
    return polyline(places, colour, stroke_of(name))


def svg(result: dict[str, Any], lowest: float = 0.8) -> str:
    """The picture of one data set's result."""
    curves = {name: index["curve"] for name, index in result["indexes"].items()}
    curves = {name: curve for name, curve in curves.items() if any(p["recall"] >= lowest for p in curve)}
    frame = Frame(curves, lowest)
    title = f"{result['data']}: {result['rows']:,} rows of {result['dimension']}, {result['metric']}"
    body = [text(LEFT - 60, 20, title, 'font-weight="bold" font-size="15"'), *_grid(frame)]
    colours = colours_of(curves)
    for name in ours_last(curves):
        body += _line(frame, name, curves[name], colours[name])
    speed_at = {name: index["qps_at"]["0.95"] or 0 for name, index in result["indexes"].items()}
    for i, name in enumerate(sorted(curves, key=lambda name: -speed_at[name])):  # the fastest first
        y = TOP + 8 + 22 * i
        body.append(f'<path d="M{WIDTH - RIGHT + 14} {y}h18" stroke="{colours[name]}" stroke-width="3"/>')
        body.append(text(WIDTH - RIGHT + 38, y + 4, name))
    return document(WIDTH, HEIGHT, title, body)
