"""Porcupine as shipped: one pass over the audio for each of eleven sensitivities."""

from __future__ import annotations

import engine_io
import pvporcupine

SENSITIVITIES = [i / 10 for i in range(11)]


def main() -> None:
    """Write the detections in a stream at each sensitivity."""
    job = engine_io.read_job()
    stream = engine_io.AudioStream(job["audio"])
    events: dict[str, list[float]] = {}
    for sensitivity in SENSITIVITIES:
        engine = pvporcupine.create(keywords=[job["keyword"]], sensitivities=[sensitivity])
        events[str(round(1 - sensitivity, 3))] = [
            stream.fed_s
            for block in stream.blocks(engine.frame_length)
            if engine.process(block.tolist()) >= 0
        ]
        engine.delete()
    files = [pvporcupine.MODEL_PATH, pvporcupine.KEYWORD_PATHS[job["keyword"]]]
    engine_io.write_result(stream, files, events=events)


if __name__ == "__main__":
    main()
