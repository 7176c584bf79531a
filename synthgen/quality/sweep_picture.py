"""The sweep of an evaluation as a picture: macro-F1 over the ratio, with intervals, the baseline and the controls."""

from __future__ import annotations

from html import escape
from pathlib import Path

from synthgen.errors import JobError
from synthgen.quality.evaluation import Evaluation

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 700, 50, 300
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.s{fill:#666;font-size:12px}line,path{stroke:#888;fill:none}"
    ".i{stroke:#2563eb;stroke-width:2}.p{fill:#2563eb}.b{stroke:#222;stroke-dasharray:6 4}.c{stroke:#b45309;"
    "stroke-dasharray:2 4}rect{fill:#fff}@media(prefers-color-scheme:dark){rect{fill:#111}text{fill:#eee}.s{fill:#aaa}"
    ".b{stroke:#eee}}"
)


def require_picture(path: Path) -> None:
    """Refuse a name that is not an SVG's, before the work is done.

    Raises:
        JobError: It is not.
    """
    if path.suffix.lower() != ".svg":
        raise JobError(f"{path}: pictures are drawn as .svg", hint=f"--picture {path.with_suffix('.svg')}")


def draw_sweep(found: Evaluation, path: Path) -> None:
    """Write the picture; the file appears whole or not at all.

    Raises:
        JobError: It cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(render_sweep(found), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise JobError(f"{path}: cannot be written: {error.strerror}", hint="choose another --picture") from None


def render_sweep(found: Evaluation) -> str:
    """The picture as SVG."""
    base = found.baseline.macro_f1
    controls = {name: control.scores.macro_f1 for name, control in found.controls.items()}
    values = [base, *controls.values()]
    for ratio in found.sweep:
        values += [base + ratio.difference.low, base + ratio.difference.high, ratio.scores.macro_f1]
    low, high = min(values), max(values)
    margin = max(0.002, 0.08 * (high - low))
    low, high = max(0.0, low - margin), min(1.0, high + margin)

    def y(value: float) -> float:
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 1)

    parts = [f'<rect width="{_WIDTH}" height="{_HEIGHT}"/>']
    title = f"Macro-F1 on real test rows: {found.verdict} ({found.classifier}, {found.seeds} seeds)"
    parts.append(f'<text x="{_LEFT}" y="24">{escape(title)}</text>')
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(f'<text class="s" x="{_LEFT - 8}" y="{y(value) + 4}" text-anchor="end">{value:.3f}</text>')
    parts.append(f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>')
    parts += _level(base, y(base), "b", "real rows only")
    for name, value in controls.items():
        parts += _level(value, y(value), "c", name.replace("_", " "))
    width = (_RIGHT - _LEFT - 150) / max(1, len(found.sweep))
    for place, ratio in enumerate(found.sweep):
        x = round(_LEFT + width * (place + 0.5), 1)
        ends = y(base + ratio.difference.low), y(base + ratio.difference.high)
        parts.append(f'<line class="i" x1="{x}" x2="{x}" y1="{ends[0]}" y2="{ends[1]}"/>')
        parts.append(f'<circle class="p" cx="{x}" cy="{y(ratio.scores.macro_f1)}" r="5"/>')
        name = "all" if ratio.ratio is None else f"{ratio.ratio:g}"
        parts.append(f'<text x="{x}" y="{_BOTTOM + 20}" text-anchor="middle">{name}</text>')
        parts.append(f'<text class="s" x="{x}" y="{_BOTTOM + 38}" text-anchor="middle">{ratio.synthetic_rows:,}</text>')
    note = "synthetic rows for each real row of a class, and how many that is; bars: 95 % of the difference"
    parts.append(f'<text class="s" x="{_LEFT}" y="{_BOTTOM + 62}">{note}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    return f"{head}<title>{escape(title)}</title><style>{_STYLE}</style>{''.join(parts)}</svg>\n"


def _level(value: float, height: float, kind: str, name: str) -> list[str]:
    return [
        f'<line class="{kind}" x1="{_LEFT}" x2="{_RIGHT}" y1="{height}" y2="{height}"/>',
        f'<text class="s" x="{_RIGHT}" y="{height - 4}" text-anchor="end">{escape(name)} {value:.3f}</text>',
    ]
