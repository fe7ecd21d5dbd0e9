"""Public corpora of other speech, noise and room impulse responses, by name.

`catalogue` lists them, `fetch` downloads one into the cache, `reading` reads it as a data set, and
`other_audio` adds it to a data set.
"""
