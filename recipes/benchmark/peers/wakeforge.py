"""wakeforge's 'alexa' as shipped in ovos-ww-plugin-wakeforge: a recurrent head on WakeHuBERT.

The plugin computes the features of the last 1.5 s again at each block of 80 ms.
"""

from __future__ import annotations

from pathlib import Path

import engine_io
import ovos_ww_plugin_wakeforge as wakeforge

BLOCK = 1280  # samples that the plugin scores at once


def main() -> None:
    """Score a stream with the built-in model of the keyword."""
    job = engine_io.read_job()
    plugin = wakeforge.WakeForgeHotwordPlugin(job["keyword"], {"model": job["keyword"]})
    stream = engine_io.AudioStream(job["audio"])
    scores: list[tuple[float, float]] = []
    for block in stream.blocks(BLOCK):
        plugin.update(block.tobytes())
        scores.append((stream.fed_s, plugin.last_score))
    head = Path(wakeforge.__file__).parent / "models" / f"{job['keyword']}.onnx"
    engine_io.write_result(stream, [plugin.featurizer.model_path, head], scores=scores)


if __name__ == "__main__":
    main()
