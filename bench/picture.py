"""Draws `docs/progress.svg`: the progress panel in the middle of the demo, as a terminal shows it.

python -m bench.picture
"""

from __future__ import annotations

import re
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console

from synthgen.api import run
from synthgen.engine.events import Event
from synthgen.report.progress import draw
from synthgen.report.tally import Tally

ROOT = Path(__file__).parents[1]
WIDTH = 104


def main() -> None:
    tally = Tally()
    pictures: list[str] = []

    def observe(event: Event) -> None:
        tally.observe(event)
        if not pictures and tally.target and tally.accepted >= 0.6 * tally.target:
            console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
            console.print(draw(tally))
            pictures.append(console.export_svg(title="synthgen run examples/minority/job.yaml"))

    with tempfile.TemporaryDirectory() as folder:
        run(ROOT / "examples/minority/job.yaml", out=Path(folder) / "out", observe=observe)
    # The exporter names a web font; a picture must not fetch anything.
    svg = re.sub(r"@font-face \{.*?\}", "", pictures[0], flags=re.DOTALL)
    (ROOT / "docs/progress.svg").write_text(svg.replace("Fira Code", "DejaVu Sans Mono"))


if __name__ == "__main__":
    main()
