"""Self-contained HTML pages, light or dark as the reader prefers: style and images are embedded."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from wakeword import storage
from wakeword.evaluation.report.theme import DARK, LIGHT, Theme


def _variables(theme: Theme) -> str:
    names = ("background", "text", "muted", "line", "grey", "good", "fair", "poor", "warning")
    return " ".join(f"--{name}: {getattr(theme, name)};" for name in names)


_STYLE = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--background);
  margin: 0 auto; max-width: 46rem; padding: 1rem; overflow-wrap: break-word; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
img {{ width: 100%; height: auto; margin-top: 1rem; }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0;
  border-bottom: 1px solid var(--line); }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
td.n {{ white-space: nowrap; }}
.wide {{ overflow-x: auto; margin-top: 1rem; }}
.verdict {{ font-size: 1.15rem; line-height: 1.4; }}
.muted {{ color: var(--muted); font-size: .92rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .92rem; }}
dt {{ color: var(--muted); }} dd {{ margin: 0; min-width: 0; }}
.warning {{ background: var(--warning); border-left: .3rem solid var(--fair);
  padding: .6rem .8rem; }}
.miss, .poor {{ color: var(--poor); }} .hit, .good {{ color: var(--good); }}
.false-accept, .fair {{ color: var(--fair); }} .open {{ color: var(--muted); }}
pre {{ background: var(--grey); padding: .6rem .8rem; white-space: pre-wrap;
  margin: .2rem 0 .8rem; }}
@media (max-width: 30rem) {{
  table {{ font-size: .72rem; }} th, td {{ padding-right: .25rem; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }} dd {{ margin-bottom: .4rem; }}
}}
"""


class Html(str):
    """Text that is HTML already: `html_table` does not escape it."""

    __slots__ = ()


def write_page(title: str, body: str, path: Path) -> None:
    """Write a self-contained page, readable on a phone and without a network.

    Args:
        title: of the page, as text.
        body: HTML between <body> and </body>.
        path: to write to.

    Raises:
        ConfigError: the page cannot be written.
    """
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""
    with storage.atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def embed_picture(light: bytes, dark: bytes, alt: str) -> str:
    """Return a <picture> element with an image in it for each colour scheme.

    Args:
        light: content of a PNG file on a light background.
        dark: the same on a dark one.
        alt: alternative text.
    """
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_data_url(dark)}">'
        f'<img alt="{escape(alt)}" src="{_data_url(light)}"></picture>'
    )


def html_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls sideways; the first column is text, the others are numbers.

    Args:
        columns: headings, as text.
        rows: cells, as text or as `Html`.
    """
    lines = [_table_row(columns, "th"), *(_table_row(row, "td") for row in rows)]
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def html_facts(facts: Iterable[tuple[str, str]]) -> str:
    """Return a list of names with their values, both as text."""
    items = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return "<dl>\n" + "\n".join(items) + "\n</dl>"


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _table_row(cells: Sequence[str], tag: str) -> str:
    numeric = ["", *[' class="n"'] * (len(cells) - 1)]
    elements = (
        f"<{tag}{style}>{text if isinstance(text, Html) else escape(text)}</{tag}>"
        for text, style in zip(cells, numeric, strict=True)
    )
    return f"<tr>{''.join(elements)}</tr>"
