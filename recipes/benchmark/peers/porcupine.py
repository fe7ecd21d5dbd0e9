"""Porcupine as shipped: one pass over the audio for each of eleven sensitivities."""

from __future__ import annotations

import common
import pvporcupine

SENSITIVITIES = [i / 10 for i in range(11)]


def main() -> None:
    job = common.job()
    stream = common.Stream(job["audio"])
    events: dict[str, list[float]] = {}
    for sensitivity in SENSITIVITIES:
        engine = pvporcupine.create(keywords=[job["word"]], sensitivities=[sensitivity])
        events[str(round(1 - sensitivity, 3))] = [
            stream.heard_s
            for block in stream.blocks(engine.frame_length)
            if engine.process(block.tolist()) >= 0
        ]
        engine.delete()
    files = [pvporcupine.MODEL_PATH, pvporcupine.KEYWORD_PATHS[job["word"]]]
    common.write(stream, files, events=events)


if __name__ == "__main__":
    main()
