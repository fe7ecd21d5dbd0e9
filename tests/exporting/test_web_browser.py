"""The written folder in a real browser without a network: what the page does, and that it is right.

Set WAKEWORD_SCREENSHOTS to a folder to keep what the page looks like.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
import two_stage
import web_module
from recipe_runner import RECIPES, imports_from, run_recipe

from wakeword import runtime
from wakeword.audio.files import save_audio
from wakeword.encoders.registry import temporarily_registered
from wakeword.exporting.onnx import export_onnx
from wakeword.exporting.onnxruntime_web import load_onnxruntime_web
from wakeword.exporting.web_folder import write_web_folder

with imports_from(RECIPES):
    import chromium

served = chromium.served
FETCH_ELSEWHERE = "fetch('http://127.0.0.2/').catch(() => 'refused')"
RECORDED_S = 5
RECORD = f"""(async () => {{
  const {{ Detector, load, openMicrophone }} = await import("./wakeword.js");
  const detector = new Detector(await load("model.onnx"), {{ threshold: 0 }});
  const [samples, detections] = [[], []];
  await new Promise(async (resolve) => {{
    const microphone = await openMicrophone(async (piece) => {{
      samples.push(...piece);
      detections.push(...(await detector.feed(piece)));
      if (samples.length < {RECORDED_S} * 16000) return;
      await microphone.close();
      resolve();
    }});
  }});
  detections.push(...(await detector.flush()));
  return {{ samples, detections }};
}})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a model of two stages, and a recording."""
    if chromium.executable() is None:
        pytest.skip("Chromium is not installed: the page is not opened")
    package = load_onnxruntime_web(web_module.onnxruntime_web())
    folder = tmp_path_factory.mktemp("site")
    with temporarily_registered(tiny_family.spec(), two_stage.GATE):
        model = two_stage.tiny_two_stage(gate_threshold=0.3, threshold=0.01)
        export_onnx(model, folder / "model.onnx")
    write_web_folder(folder / "model.onnx", folder, package)
    save_audio(folder / "microphone.wav", tiny_family.synthetic_audio(6.0))
    yield folder


async def keep_screenshots(page: chromium.Page, name: str) -> None:
    if folder := os.environ.get("WAKEWORD_SCREENSHOTS"):
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                path = Path(folder) / f"{name}-{width}-{scheme}.png"
                await page.screenshot(path, width, dark=scheme == "dark")


def test_the_page_detects_and_asks_nobody_else(site: Path, tmp_path: Path) -> None:
    async def follow(address: str) -> None:
        flags = chromium.microphone(site / "microphone.wav")
        async with chromium.opened(address, tmp_path, flags) as page:
            await page.wait_for("document.querySelector('#toggle:not(:disabled)') !== null")
            assert "Say “alexa” or “computer”" in await page.evaluate("document.body.innerText")
            await keep_screenshots(page, "ready")
            await page.evaluate("document.querySelector('#toggle').click()")
            await page.wait_for("document.querySelectorAll('#detections time').length > 2")
            assert await page.evaluate("document.querySelector('#state').className") == ""
            await keep_screenshots(page, "listening")
            await page.evaluate("document.querySelector('#toggle').click()")
            status = await page.evaluate("document.querySelector('#status').textContent")
            assert status == "The microphone is off."
            assert page.errors == []
            own = (address, f"blob:{address}", "data:")
            assert [url for url in page.requests if not url.startswith(own)] == []
            assert f"{address}model.onnx" in page.requests  # those of the worker are seen, too
            (worker,) = page.workers
            assert await page.evaluate(FETCH_ELSEWHERE, worker) == "refused"
            assert any("Content Security Policy" in error for error in page.errors)

    with served(site) as address:
        asyncio.run(follow(address))


def test_detections_equal_those_of_python_for_the_same_samples(site: Path, tmp_path: Path) -> None:
    async def record(address: str) -> dict[str, Any]:
        flags = chromium.microphone(site / "microphone.wav")
        async with chromium.opened(address, tmp_path, flags) as page:
            recorded: dict[str, Any] = await page.evaluate(RECORD)
            return recorded

    with served(site) as address:
        recorded = asyncio.run(record(address))
    samples = np.array(recorded["samples"], dtype=np.float32)
    detector = runtime.Detector(runtime.load(site / "model.onnx"), threshold=0.0)
    expected = detector.feed(samples) + detector.flush()
    assert np.sqrt(np.mean(samples**2)) > 0.01 and len(expected) > 5
    found = recorded["detections"]
    assert [(each["keyword"], each["time"]) for each in found] == [
        (each.keyword, each.time) for each in expected
    ]
    scores = [each["score"] for each in found]
    np.testing.assert_allclose(scores, [each.score for each in expected], atol=1e-4)


def test_a_refused_microphone_is_explained(site: Path, tmp_path: Path) -> None:
    async def follow(address: str) -> tuple[str, str]:
        async with chromium.opened(address, tmp_path, ["--deny-permission-prompts"]) as page:
            await page.wait_for("document.querySelector('#toggle:not(:disabled)') !== null")
            await page.evaluate("document.querySelector('#toggle').click()")
            await page.wait_for("document.querySelector('#state.error') !== null")
            await keep_screenshots(page, "refused")
            return await page.evaluate(
                "['status', 'hint'].map((id) => document.getElementById(id).textContent)"
            )

    with served(site) as address:
        status, hint = asyncio.run(follow(address))
    assert status in ("The microphone is not allowed.", "No microphone was found.") and hint


def test_a_missing_model_is_explained(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in site.iterdir():
        if path.name != "model.onnx":
            (broken / path.name).symlink_to(path)

    async def status(address: str) -> str:
        async with chromium.opened(address, tmp_path / "profile") as page:
            await page.wait_for("document.querySelector('#state.error') !== null")
            return str(await page.evaluate("document.querySelector('#state').textContent"))

    with served(broken) as address:
        text = asyncio.run(status(address))
    assert "cannot be fetched (HTTP 404)" in text and "Check the address" in text


def test_the_recipe_compares_the_page_with_python(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = (site / "model.onnx", site / "microphone.wav")
    options = ("--minutes", "0.05", "--onnxruntime-web", web_module.onnxruntime_web())
    run_recipe("in_the_browser.py", *files, *options, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert re.search(r"(\d+) detections in the browser, \1 in Python: the same", printed)
    assert re.search(r"[1-9]\d* requests, all of them to the local server", printed)
    assert re.search(r"resident memory of their process: [1-9]", printed)
    assert re.search(r"the [1-9]\d* messages with a call of the verifier: mean", printed)
