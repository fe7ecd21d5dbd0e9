"""The documentation site builds without a warning and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wakeword

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="the site's packages: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    names = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    built = {re.sub(r"README\.md$", "index.md", page) for page in pages}
    assert {page.replace(".md", ".html") for page in built} <= names
    assert {"tutorial/notebook.html", "results/benchmark.html", "project/changelog.html"} <= names


def test_site_loads_nothing_from_elsewhere(site: Path) -> None:
    script_or_image = r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:[^\"\s>]+)"
    style_sheet = r"<link[^>]*rel=\"?stylesheet[^>]*href=\"?(https?:[^\"\s>]+)"
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert re.findall(script_or_image, text) + re.findall(style_sheet, text) == [], page


def test_reference_lists_commands_and_public_names(site: Path) -> None:
    commands = (site / "reference" / "cli.html").read_text("utf-8")
    for command in ("train", "eval", "calibrate", "listen", "serve", "export", "info"):
        assert f'id="{command}"' in commands, command
    public = (site / "reference" / "python.html").read_text("utf-8")
    for name in wakeword.__all__:
        assert f'id="wakeword.{name}"' in public, name
    detection = (site / "reference" / "detection.html").read_text("utf-8")
    assert 'id="wakeword.detection.detector.Detector.feed"' in detection
    assert 'id="wakeword.runtime.load"' in detection
