"""Let the page of `wakeword export --web` listen in Chromium, and compare it with Python.

    wakeword export computer.wakeword
    python recipes/in_the_browser.py computer.onnx evening.flac --minutes 3

Data: a recording with keywords. It is the microphone of a headless Chromium that reaches the page
alone; the samples that the page gets of it are then fed to a `wakeword.runtime.Detector` as well.

Prints the detections of both, memory, and the time from each message of 80 ms of audio to the
page's worker until its answer, without the wait for earlier ones. Where a model takes longer
blocks, most messages complete none and take no time; those that call the verifier are printed
apart. Duration: MINUTES, and a minute to start. Needs: Chromium (apt-get install chromium).
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path
from typing import Any

import chromium
import click
import numpy as np
import psutil

from wakeword import runtime
from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import TeachingCommand
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError
from wakeword.exporting.onnxruntime_web import load_onnxruntime_web
from wakeword.exporting.web_folder import write_web_folder

PIECE_S = 0.08  # of audio, in a message to the worker
START_S = 120
RECORD = """
globalThis.recorded = [];
globalThis.Worker = class extends Worker {
  #calls = [];
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      Object.assign(this.#calls.shift(), data.result, { answered: performance.now() });
    });
  }
  postMessage(message) {
    const call = { samples: message.value, sent: performance.now() };
    this.#calls.push(call);
    if (message.method === "feed") recorded.push(call);
    super.postMessage(message);
  }
};"""
RESULT = """(async () => {
  const reader = new FileReader();
  const loaded = new Promise((resolve) => (reader.onload = resolve));
  reader.readAsDataURL(new Blob(recorded.map(({ samples }) => samples)));
  await loaded;
  const calls = recorded.map(({ samples, ...call }) => ({ ...call, size: samples.length }));
  return { audio: reader.result.split(",")[1] ?? "", calls };
})()"""
ERROR = "document.querySelector('#state.error')?.innerText"
READY = "document.querySelector('#toggle:not(:disabled)') !== null"
CLICK = "document.querySelector('#toggle').click()"


@click.command(cls=TeachingCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--minutes", default=3.0, show_default=True, help="Of the recording.")
@click.option("--onnxruntime-web", type=click.Path(path_type=Path), help="As `wakeword export`.")
def main(model: Path, recording: Path, minutes: float, onnxruntime_web: Path | None) -> None:
    """Play RECORDING to the page of the exported MODEL."""
    if not chromium.executable():
        raise ConfigError("Chromium is not installed: apt-get install chromium.")
    played = load_audio(recording)[: round(minutes * 60 * SAMPLE_RATE)]
    with tempfile.TemporaryDirectory(prefix="wakeword-") as name:
        folder = Path(name)
        write_web_folder(model, folder / "site", load_onnxruntime_web(onnxruntime_web))
        save_audio(folder / "microphone.wav", played)
        result = asyncio.run(listen(folder, len(played) / SAMPLE_RATE))
    samples = np.frombuffer(base64.b64decode(result["audio"]), dtype=np.float32)
    pieces = np.split(samples, np.cumsum([call["size"] for call in result["calls"]])[:-1])
    expected, is_verified = detect(runtime.load(model), pieces)
    found = [Detection(**each) for call in result["calls"] for each in call["detections"]]
    print(f"{len(samples) / SAMPLE_RATE:.1f} s of audio in {len(pieces)} messages")
    print_detections(found, expected)
    print_times(result["calls"], is_verified)


async def listen(folder: Path, seconds: float) -> dict[str, Any]:
    """Let the page in `site` listen to `microphone.wav`; return its messages and their samples."""
    flags = chromium.microphone(folder / "microphone.wav")
    with chromium.served(folder / "site") as address:
        async with chromium.opened(address, folder / "profile", flags, RECORD) as page:
            await page.wait_for(f"{READY} || {ERROR}")
            process = page.renderer()
            before_s = sum(process.cpu_times()[:2])
            await page.evaluate(CLICK)
            received = f"recorded.length >= {seconds / PIECE_S:.0f}"
            await page.wait_for(f"{received} || {ERROR}", patience_s=seconds + START_S)
            if error := await page.evaluate(ERROR):
                raise ConfigError(f"the page stopped: {error}")
            await page.evaluate(CLICK)
            await page.wait_for("recorded.every(({ answered }) => answered)")
            computed_s = sum(process.cpu_times()[:2]) - before_s
            print(f"processor time of page and worker: {computed_s:.1f} s for {seconds:.1f} s")
            await print_memory(page, process)
            result: dict[str, Any] = await page.evaluate(RESULT)
    own = (address, f"blob:{address}", "data:")
    if others := [url for url in page.requests if not url.startswith(own)]:
        raise ConfigError(f"the page asked for other addresses: {', '.join(others)}")
    print(f"{len(page.requests)} requests, all of them to the local server")
    return result


async def print_memory(page: chromium.Page, process: psutil.Process) -> None:
    """Print the JavaScript heaps of page and worker, and the memory of their process."""
    sessions = ("", *page.workers)
    heaps = [await page.send("Runtime.getHeapUsage", session) for session in sessions]
    sizes = " and ".join(f"{heap['usedSize'] / 1e6:.1f} MB" for heap in heaps)
    print(f"JavaScript heap of page and worker: {sizes}")
    print(f"resident memory of their process: {process.memory_info().rss / 1e6:.0f} MB")


def detect(model: Any, pieces: list[Samples]) -> tuple[list[Detection], list[bool]]:
    """Return the detections in pieces of a stream, and for each whether it called the verifier."""
    windows, detections, is_verified = [], [], []
    if verify := getattr(model, "verify", None):
        model.verify = lambda window: windows.append(window) or verify(window)
    detector = runtime.Detector(model)
    for piece in pieces:
        before = len(windows)
        detections += detector.feed(piece)
        is_verified.append(len(windows) > before)
    return detections, is_verified


def print_detections(found: list[Detection], expected: list[Detection]) -> None:
    """Print the detections of the browser, and in what they differ from those of Python."""
    for each in found:
        print(f"{each.time:8.2f} s  {each.keyword}  {each.score:.3f}")
    browser, python = ({(each.keyword, each.time) for each in some} for some in (found, expected))
    print(f"{len(found)} detections in the browser, {len(expected)} in Python: ", end="")
    print("not the same" if browser ^ python else "the same")
    for each in sorted(browser ^ python):
        print(f"only in {'the browser' if each in browser else 'Python'}: {each[0]} at {each[1]} s")


def print_times(calls: list[dict[str, Any]], is_verified: list[bool]) -> None:
    """Print how long the messages took, each from when the worker had nothing else to do."""
    sent, answered = (np.array([call[key] for call in calls]) for key in ("sent", "answered"))
    times_ms = answered - np.maximum(sent, np.concatenate([sent[:1], answered[:-1]]))
    mean_ms, high_ms = times_ms.mean(), np.percentile(times_ms, 99)
    print(f"80 ms of audio: mean {mean_ms:.1f} ms, 99th percentile {high_ms:.1f} ms")
    if any(is_verified):
        ours_ms = times_ms[np.array(is_verified)]
        times = f"mean {ours_ms.mean():.1f} ms, at most {ours_ms.max():.1f} ms"
        print(f"the {len(ours_ms)} messages with a call of the verifier: {times}")


if __name__ == "__main__":
    main()
