"""Audio input and output: samples, levels, files, resampling, activity detection, the microphone.

Three modules detect activity by level alone, each for its own purpose:

| module | question | input | used for |
|---|---|---|---|
| `activity` | Where in this clip is the word? | a whole clip, 16 kHz | training labels, enrolment |
| `endpointing` | When has the speaker finished? | a live stream, any rate | `wakeword record` |
| `silence_gate` | May the model skip this audio? | a live stream, 16 kHz | detectors on batteries |

They share the level helpers of `levels`, but no thresholds: `activity` must fit the word tightly,
`endpointing` must ignore clicks and wait for a pause, and `silence_gate` must never miss a word.
"""
