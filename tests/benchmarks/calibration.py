"""How well the confidence keeps its word, on projects that its fit did not see; draws the curve in docs/healing.md.

    python tests/benchmarks/calibration.py

Reads the stored observations (``observations.jsonl``), prints the expected calibration error, the Brier score and what
was right at each tier, over all candidates and over those that passed the proof, and writes ``docs/reliability.svg``
and the figures between the markers in ``docs/healing.md``. Exit code 1 where the error over all is above 0.10, or where
a wrong candidate would have been applied.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from maestro.healing.confidence import tier
from maestro.model import Tier
from support.calibration import (
    Bin,
    Row,
    bins,
    brier,
    calibration_error,
    left_out,
    lower_bound,
    observed,
    proven,
    rows,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- calibration: written by make bench -->", "<!-- calibration ends -->"
MOST_ERROR = 0.10
SIDE, EDGE = 320, 40  # of the drawing, in pixels


@dataclass(frozen=True)
class Figures:
    """What was found over some rows."""

    name: str
    values: list[float]
    labels: list[bool]
    tiers: list[Tier]

    @property
    def error(self) -> float:
        """The expected calibration error over bins of equal width."""
        return calibration_error(bins(self.values, self.labels))

    @property
    def error_by_mass(self) -> float:
        """The same over bins of equal numbers."""
        return calibration_error(bins(self.values, self.labels, equal_mass=True))

    def at(self, wanted: Tier) -> tuple[int, int]:
        """How many earned a tier, and how many of these were right."""
        found = [label for earned, label in zip(self.tiers, self.labels, strict=True) if earned is wanted]
        return len(found), sum(found)


def penalty() -> float:
    """Return the strength of the penalty with which the shipped weights were fitted."""
    shipped = resources.files("maestro.healing").joinpath("data/outcomes.json").read_text("utf-8")
    return float(json.loads(shipped)["measured"]["penalty"])


def measured(known: Sequence[Row]) -> tuple[Figures, Figures]:
    """Return the figures over all candidates, and over those that passed the proof."""
    values = left_out(known, penalty())
    claims = [(v, row["right"], tier(v, seen=observed(row)), row) for v, row in zip(values, known, strict=True)]

    def figures(name: str, chosen: Sequence[tuple[float, bool, Tier, Row]]) -> Figures:
        return Figures(name, [c[0] for c in chosen], [c[1] for c in chosen], [c[2] for c in chosen])

    return figures("all candidates", claims), figures("passed the proof", [c for c in claims if proven(c[3])])


def text(known: Sequence[Row], everything: Figures, passed: Figures) -> str:
    """Return the figures as Markdown."""
    wrong, projects = len(passed.labels) - sum(passed.labels), len({row["group"] for row in known})
    lines = [
        f"{len(known)} candidates were tried in {projects} projects; {len(passed.labels)} passed the proof, {wrong} of",
        "these wrongly. Each claim below comes from a fit that saw nothing of the candidate's project.",
        "",
        "| | n | right | calibration error, equal width | equal mass | Brier score |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {f.name} | {len(f.labels)} | {sum(f.labels)} | {f.error:.3f} | {f.error_by_mass:.3f}"
            f" | {brier(f.values, f.labels):.3f} |"
            for f in (everything, passed)
        ),
        "",
        "| tier | candidates | right | wrong | share that is right, at least (95 %) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in Tier:
        count, right = everything.at(name)
        least = f"{lower_bound(right, count):.2f}" if count else "-"
        lines.append(f"| `{name}` | {count} | {right} | {count - right} | {least} |")
    return "\n".join(lines)


def drawing(everything: Figures, passed: Figures) -> str:
    """Return the reliability curve as SVG: what was claimed against what was right; a bin's area is its number."""

    def spot(found: Bin, colour: str) -> str:
        across, down = EDGE + SIDE * found.claimed, EDGE + SIDE * (1 - found.right)
        radius = 3 + 1.2 * found.count**0.5
        told = f"{found.count} claimed {found.claimed:.2f}, right {found.right:.2f}"
        return (
            f'<circle cx="{across:.0f}" cy="{down:.0f}" r="{radius:.0f}" fill="{colour}" fill-opacity="0.6">'
            f"<title>{told}</title></circle>"
        )

    low, high, whole = EDGE, EDGE + SIDE, SIDE + 2 * EDGE
    marks = [
        f'<text x="{EDGE + SIDE * n / 5:.0f}" y="{high + 16}" text-anchor="middle">{n / 5:.1f}</text>'
        f'<text x="{low - 8}" y="{high - SIDE * n / 5 + 4:.0f}" text-anchor="end">{n / 5:.1f}</text>'
        for n in range(6)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" width="{whole}">',
        "<style>text { font: 11px sans-serif }</style>",
        f'<rect width="{whole}" height="{whole}" fill="white"/>',
        f'<path d="M{low} {low}V{high}H{high}" fill="none" stroke="black"/>',
        f'<path d="M{low} {high}L{high} {low}" stroke="grey" stroke-dasharray="4"/>',
        *marks,
        f'<text x="{whole // 2}" y="{whole - 6}" text-anchor="middle">claimed</text>',
        f'<text x="12" y="{whole // 2}" text-anchor="middle" transform="rotate(-90 12 {whole // 2})">right</text>',
        f'<text x="{low + 8}" y="{low - 8}" fill="steelblue">all candidates</text>',
        f'<text x="{low + 108}" y="{low - 8}" fill="darkorange">passed the proof</text>',
        *(spot(b, "steelblue") for b in bins(everything.values, everything.labels)),
        *(spot(b, "darkorange") for b in bins(passed.values, passed.labels, equal_mass=True)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Measure, print, draw."""
    known = rows()
    everything, passed = measured(known)
    told = text(known, everything, passed)
    sys.stdout.write(told + "\n")
    (DOCS / "reliability.svg").write_text(drawing(everything, passed), "utf-8")
    page = (DOCS / "healing.md").read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    (DOCS / "healing.md").write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{after}", "utf-8")
    applied, right = everything.at(Tier.APPLIED)
    return 1 if everything.error > MOST_ERROR or applied != right else 0


if __name__ == "__main__":
    sys.exit(main())
