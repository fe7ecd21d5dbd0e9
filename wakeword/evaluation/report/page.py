"""Self-contained HTML pages: style and images are embedded."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from wakeword import storage

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; margin: 0 auto; max-width: 46rem;
  padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; }
img { width: 100%; height: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0;
  border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
.wide { overflow-x: auto; }
@media (max-width: 30rem) { table { font-size: .7rem; } th, td { padding-right: .25rem; } }
.warning { background: #fff4d6; border-left: .3rem solid #e0a100; padding: .6rem .8rem; }
.miss { color: #b00020; } .hit { color: #00662b; } .false-accept { color: #8a4b00; }
pre { background: #f4f4f4; padding: .6rem .8rem; white-space: pre-wrap; margin: .2rem 0 .8rem; }
"""


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


def embed_png(png: bytes, alt: str) -> str:
    """Return an <img> element with the image in it.

    Args:
        png: content of a PNG file.
        alt: alternative text.
    """
    image = base64.b64encode(png).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{image}">'


def html_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls sideways; the first column is text, the others are numbers.

    Args:
        columns: headings, as text.
        rows: cells, as text.
    """
    lines = [_table_row(columns, "th"), *(_table_row(row, "td") for row in rows)]
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _table_row(cells: Sequence[str], tag: str) -> str:
    numeric = ["", *[' class="n"'] * (len(cells) - 1)]
    elements = (
        f"<{tag}{style}>{escape(text)}</{tag}>" for text, style in zip(cells, numeric, strict=True)
    )
    return f"<tr>{''.join(elements)}</tr>"
