"""Mistakes with data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import training

from mistakes.workspace import Workspace, mistake
from wakeword.audio.files import save_audio


def edit(manifest: Path, old: str, new: str, count: int = -1) -> Path:
    manifest.write_text(manifest.read_text("utf-8").replace(old, new, count), "utf-8")
    return manifest


@mistake("nowhere: no such folder or manifest", "Check the path")
def data_missing(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.place / "nowhere")


@mistake("empty: unknown data set format. Found: nothing", "one folder per word")
def data_folder_empty(workspace: Workspace) -> list[object]:
    (workspace.place / "empty").mkdir()
    return workspace.train(workspace.place / "empty")


@mistake("3 recording(s) without labels", "one folder per word")
def recordings_without_a_folder_per_word(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.clips("ping") / "ping")


@mistake("a.wav: '.wav' is not the suffix of a known manifest", "one folder per word")
def recording_as_data(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.wav())


@mistake("data.xlsx: '.xlsx' is not the suffix of a known manifest", "keywords.csv")
def spreadsheet_as_data(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.text("data.xlsx", "PK"))


@mistake("data.jsonl line 2: not JSON", "one object per line")
def manifest_not_json(workspace: Workspace) -> list[object]:
    return workspace.train(edit(workspace.manifest(), "\n{", "\n{oops", 1))


@mistake("data.jsonl line 1: not JSON", "one object per line")
def manifest_of_one_json_array(workspace: Workspace) -> list[object]:
    manifest = workspace.manifest()
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    manifest.write_text(json.dumps(rows, indent=1), "utf-8")
    return workspace.train(manifest)


@mistake("data.jsonl line 1: no 'audio_filepath' and no 'wav'", "Expected one of them")
def manifest_without_files(workspace: Workspace) -> list[object]:
    return workspace.train(edit(workspace.manifest(), "audio_filepath", "sound"))


@mistake("32 of 32 files do not exist", "correct the paths")
def manifest_moved_away_from_its_files(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest().rename(workspace.place / "data.jsonl"))


@mistake("data.jsonl line 1: unknown split 'trian'", "Did you mean 'train'?")
def manifest_with_an_unknown_split(workspace: Workspace) -> list[object]:
    return workspace.train(edit(workspace.manifest(), '"train"', '"trian"'))


@mistake("data.jsonl line 1: duration is 'long'", "a number of seconds")
def manifest_with_words_for_seconds(workspace: Workspace) -> list[object]:
    return workspace.train(edit(workspace.manifest(), '"duration": 1.5', '"duration": "long"', 1))


@mistake("data.jsonl: not UTF-8 text", "Save it as UTF-8")
def manifest_in_utf_16(workspace: Workspace) -> list[object]:
    manifest = workspace.manifest()
    manifest.write_text(manifest.read_text("utf-8"), "utf-16")
    return workspace.train(manifest)


@mistake("data.csv: the column 'file' is missing", "Expected: file")
def table_with_semicolons(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.text("data.csv", "file;label\na.wav;ping\n"))


@mistake("data.csv: the column 'file' is missing", "Expected: file")
def table_without_header(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.text("data.csv", "a.wav,ping\nb.wav,ping\n"))


@mistake("unknown column 'speakr'", "Did you mean 'speaker'?")
def table_with_a_mistyped_column(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.text("data.csv", "file,label,speakr\na.wav,ping,ada\n"))


@mistake("unknown keyword 'pong'", "Did you mean 'ping'?")
def keyword_that_the_data_lack(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--keyword", "pong")


@mistake("holds clips of 2 words (one, two)", "--keyword WORD")
def several_words_and_no_keyword(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.clips("one", "two", "other"))


@mistake("clips: holds no clips of a keyword", "a folder named after it")
def no_keyword_in_the_data(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.clips("negatives"))


@mistake("the keyword 'ping' is given twice", "Name each keyword once")
def keyword_given_twice(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "-k", "ping", "-k", "ping")


@mistake("unknown keyword ''", "Known: ping")
def keyword_empty(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "-k", "")


@mistake("no recordings without the keyword", "Add speech and noise")
def no_negatives(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.clips("ping", count=12), "--keyword", "ping")


@mistake("empty: no recordings", "an audio file or a folder of audio files")
def negatives_folder_empty(workspace: Workspace) -> list[object]:
    (workspace.place / "empty").mkdir()
    return workspace.train(workspace.manifest(), "--negatives", workspace.place / "empty")


@mistake("ping-2.wav: cannot be read as audio", "wakeword check")
def most_clips_broken(workspace: Workspace) -> list[object]:
    manifest = workspace.manifest()
    for i in range(0, 12, 2):
        (manifest.parent / f"ping-{i}.wav").write_bytes(b"RIFF")
    return workspace.train(manifest)


@mistake("8 of 8 clips cannot be used", "Repair or remove them")
def clips_silent(workspace: Workspace) -> list[object]:
    manifest = workspace.manifest()
    for i in range(16):
        save_audio(manifest.parent / f"ping-{i}.wav", np.zeros(24_000, np.float32))
    return workspace.train(manifest)


@mistake("ping-1.wav: contains no audible keyword", "Repair or remove them")
def clips_of_50_ms(workspace: Workspace) -> list[object]:
    manifest = edit(workspace.manifest(), ', "duration": 1.5', "")
    for i in range(16):
        save_audio(manifest.parent / f"ping-{i}.wav", training.word(i)[8_000:8_800])
    return workspace.train(manifest)


@mistake("clips: unknown keyword 'alexa'", "Known: jarvis")
def evaluation_on_other_keywords(workspace: Workspace) -> list[object]:
    return ["eval", workspace.model, workspace.clips("jarvis", "other", count=8)]


@mistake("nowhere: no such folder", "wakeword listen --save-triggers")
def review_of_a_missing_folder(workspace: Workspace) -> list[object]:
    return ["review", workspace.place / "nowhere"]


@mistake("clips: holds no clips of a keyword", "Expected clips of it by each speaker")
def speakers_without_clips(workspace: Workspace) -> list[object]:
    data = workspace.clips("other")
    return ["detect", workspace.model, workspace.wav(), "--speakers", data]
