"""The colours and patterns of pictures. What is told by colour is told by a pattern or an outline, too.

Tones tell apart what belongs together; seven patterns and eight tones give every worker of the first 56 a sample of its
own, which survives black and white by its pattern.
"""

from __future__ import annotations

from compiler.drawing.canvas import Canvas

INK, FAINT, LINE, GRID, PAPER = "#1f2933", "#616e7c", "#8794a3", "#e4e7eb", "#ffffff"
CRITICAL, CRITICAL_WIDTH = "#000000", 2.6
TONES = (
    ("#e6f0fa", "#3b76b0"),
    ("#e7f5ec", "#3a8a5c"),
    ("#fdf1e0", "#b9770e"),
    ("#f3eafa", "#7d55a8"),
    ("#fde8e8", "#b5484b"),
    ("#e3f4f4", "#2b8387"),
    ("#f6f0e4", "#8a6d3b"),
    ("#ecedf7", "#565fa5"),
)
"""Fill and border of what belongs together; the ninth is the first again."""
PLAIN = ("#f5f7fa", "#616e7c")
STROKES = (
    "",
    "M-1 7 L7 -1 M2 10 L10 2 M-4 4 L4 -4",
    "M0 3 H6",
    "M-1 -1 L7 7 M2 -4 L10 4 M-4 2 L4 10",
    "M3 0 V6",
    "M0 3 H6 M3 0 V6",
    "M1.5 3 H4.5",
)
"""The pattern of a worker as strokes in a square of six by six, "" for an even fill."""


def tone_of(shade: int) -> tuple[str, str]:
    """Fill and border of what belongs together, of what one worker runs."""
    return TONES[shade % len(TONES)]


def sample_of(canvas: Canvas, worker: int) -> str:
    """The fill of the sample that tells a worker from others."""
    tone, strokes = worker % len(TONES), STROKES[worker % len(STROKES)]
    fill, border = TONES[tone]
    if not strokes:
        return border
    return pattern(canvas, f"worker-{worker % (len(TONES) * len(STROKES))}", strokes, fill, border, width=2.0)


def pattern(canvas: Canvas, name: str, strokes: str, fill: str, ink: str, *, width: float = 1.0) -> str:
    """A fill of strokes in a square of six by six pixels."""
    return canvas.define(
        name,
        f'<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" fill="{fill}"/>'
        f'<path d="{strokes}" fill="none" stroke="{ink}" stroke-width="{width:g}"/></pattern>',
    )


def arrow(canvas: Canvas, ink: str) -> str:
    """The head of an edge."""
    name = f"arrow-{ink.removeprefix('#')}"
    return canvas.define(
        name,
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
        f'markerUnits="userSpaceOnUse"><path d="M0 0.5 L8 4 L0 7.5 z" fill="{ink}"/></marker>',
    )
