"""Every layout is read as its users write it; what cannot be understood is said and taught."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import contains_phrase, select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.data.writer import write_manifest
from wakeword.errors import ConfigError, ManifestError

RATE = 16_000


def sound(path: Path, seconds: float = 0.1) -> Path:
    """A short recording at `path`; its contents do not matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(len(path.name)).uniform(-0.1, 0.1, round(RATE * seconds))
    soundfile.write(path, samples, RATE, format=path.suffix[1:].upper())
    return path


def table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path, *values: dict[str, object]) -> Path:
    return table(path, "".join(json.dumps(value) + "\n" for value in values))


def names(clips: tuple[Clip, ...]) -> list[str]:
    return [clip.path.name for clip in clips]


def said_by(count: int, label: str | None, clips: int = 5, first: int = 0) -> tuple[Clip, ...]:
    """Clips without a file: `count` speakers, each with as many clips."""
    return tuple(
        Clip(Path(f"/{label}/{speaker}-{at}.wav"), label=label, speaker=f"s{speaker}")
        for speaker in range(first, first + count)
        for at in range(clips)
    )


def dataset(
    keywords: tuple[Clip, ...] = (), negatives: tuple[Clip, ...] = (), **more: tuple[Clip, ...]
) -> Dataset:
    return Dataset(Path("/"), "made up", keywords=keywords, negatives=negatives, **more)


def splits_of(clips: tuple[Clip, ...]) -> dict[str | None, set[str | None]]:
    """{speaker: splits}"""
    found: dict[str | None, set[str | None]] = {}
    for clip in clips:
        found.setdefault(clip.speaker, set()).add(clip.split)
    return found


# --- one folder per word ------------------------------------------------------------------------


def test_speech_commands_folders(tmp_path: Path) -> None:
    for name in (
        "computer/0a7c2a8d_nohash_0.wav",
        "computer/1b4c9b89_nohash_1.wav",
        "happy/0a7c2a8d_nohash_0.wav",
        "_unknown_/2c3c9b89_nohash_0.wav",
        "_background_noise_/tap.wav",
        "rir/hall.flac",
    ):
        sound(tmp_path / name)
    table(tmp_path / "validation_list.txt", "computer/1b4c9b89_nohash_1.wav\n")
    table(tmp_path / "testing_list.txt", "_unknown_/2c3c9b89_nohash_0.wav\n")

    data = read_dataset(tmp_path)

    assert data.words() == ["computer", "happy"]
    assert [(c.label, c.speaker, c.split, c.source) for c in data.keywords] == [
        ("computer", "0a7c2a8d", "train", "computer"),
        ("computer", "1b4c9b89", "dev", "computer"),
        ("happy", "0a7c2a8d", "train", "happy"),
    ]
    assert [(c.label, c.speaker, c.split) for c in data.negatives] == [(None, "2c3c9b89", "test")]
    assert names(data.noises) == ["tap.wav"]
    assert data.noises[0].split is None
    assert names(data.rirs) == ["hall.flac"]
    assert "Folder '_unknown_' is read as negative." in data.notes


@pytest.mark.parametrize(
    ("folder", "role"),
    [
        ("negative", "negatives"),
        ("Negatives", "negatives"),
        ("unknown", "negatives"),
        ("other", "negatives"),
        ("not_wake_word", "negatives"),
        ("background", "noises"),
        ("noise", "noises"),
        ("rooms", "rirs"),
        ("alexa", "keywords"),
    ],
)
def test_folder_names_say_the_role(tmp_path: Path, folder: str, role: str) -> None:
    sound(tmp_path / folder / "a.wav")
    assert names(getattr(read_dataset(tmp_path), role)) == ["a.wav"]


def test_without_lists_no_split_is_stated(tmp_path: Path) -> None:
    sound(tmp_path / "alexa/deep/er/a.wav")
    sound(tmp_path / "alexa/b.wav")
    table(tmp_path / "testing_list.txt", "alexa/b.wav\nalexa/gone.wav\n")
    data = read_dataset(tmp_path)
    assert {clip.path.name: clip.split for clip in data.keywords} == {
        "a.wav": None,
        "b.wav": "test",
    }
    assert data.keywords[1].source == "alexa/deep/er"
    assert any("1 of 2 files named in testing_list.txt" in note for note in data.notes)


def test_hidden_files_are_skipped_and_foreign_sound_is_counted(tmp_path: Path) -> None:
    sound(tmp_path / "alexa/a.wav")
    for name in ("._a.wav", ".DS_Store", "b.m4a", "c.M4A", "readme.txt"):
        (tmp_path / "alexa" / name).write_bytes(b"x")
    data = read_dataset(tmp_path)
    assert names(data.keywords) == ["a.wav"]
    assert any(note.startswith("2 .m4a file(s) in 'alexa' left out") for note in data.notes)


def test_noise_may_lie_beside_split_folders(tmp_path: Path) -> None:
    sound(tmp_path / "train/alexa/a.wav")
    sound(tmp_path / "test/alexa/b.wav")
    sound(tmp_path / "noise/n.wav")
    data = read_dataset(tmp_path)
    assert data.words() == ["alexa"]
    assert [(clip.path.name, clip.split) for clip in data.noises] == [("n.wav", None)]


def test_split_folders(tmp_path: Path) -> None:
    sound(tmp_path / "train/alexa/a.wav")
    sound(tmp_path / "train/noise/n.wav")
    sound(tmp_path / "validation/alexa/b.wav")
    data = read_dataset(tmp_path)
    assert [(c.path.name, c.split) for c in data.keywords] == [("a.wav", "train"), ("b.wav", "dev")]
    assert [clip.split for clip in data.noises] == ["train"]


# --- Precise ------------------------------------------------------------------------------------


def test_precise_folders(tmp_path: Path) -> None:
    root = tmp_path / "athena"
    sound(root / "wake-word/a.wav")
    sound(root / "not-wake-word/generated/b.wav")
    sound(root / "test/wake-word/c.wav")
    sound(root / "test/not-wake-word/d.wav")
    sound(root / "attic/e.wav")
    data = read_dataset(root)
    assert [(c.label, c.path.name, c.split) for c in data.keywords] == [
        ("athena", "a.wav", None),
        ("athena", "c.wav", "test"),
    ]
    assert [(c.label, c.path.name, c.split) for c in data.negatives] == [
        (None, "b.wav", None),
        (None, "d.wav", "test"),
    ]
    assert "The recordings in 'wake-word' are called 'athena', after the folder." in data.notes
    assert "Folder 'attic' is left out." in data.notes


def test_precise_in_a_folder_whose_name_says_nothing(tmp_path: Path) -> None:
    sound(tmp_path / "data/wake-word/a.wav")
    assert read_dataset(tmp_path / "data").words() == ["wake-word"]


# --- JSONL --------------------------------------------------------------------------------------


def test_nemo_manifest(tmp_path: Path) -> None:
    long = sound(tmp_path / "clips/long.wav", 2.0)
    manifest = rows(
        tmp_path / "manifest.json",
        {"audio_filepath": "clips/long.wav", "duration": 0.5, "offset": 1.0, "label": "go"},
        {"audio_filepath": str(long), "duration": 0.25, "command": "stop", "speaker": 7},
        {"audio_filepath": "clips/long.wav", "text": "go now", "split": "valid", "duration": None},
    )
    data = read_dataset(manifest)
    go, stop = data.keywords
    assert (go.label, go.offset_s, go.duration_s) == ("go", 1.0, 0.5)
    assert go.load().shape == (8000,)
    np.testing.assert_array_equal(go.load(), Clip(long).load()[RATE : RATE + 8000])
    assert (stop.label, stop.speaker, stop.path) == ("stop", "7", long)
    assert [(c.text, c.split, c.duration_s) for c in data.negatives] == [("go now", "dev", None)]


@pytest.mark.parametrize(
    "label", ["", "-1", "unknown", "_unknown_", "<filler>", "Other", "negative", "silence", None]
)
def test_labels_that_are_no_word(tmp_path: Path, label: str | None) -> None:
    sound(tmp_path / "a.wav")
    data = read_dataset(rows(tmp_path / "m.jsonl", {"audio_filepath": "a.wav", "label": label}))
    assert [clip.label for clip in data.negatives] == [None]
    assert not data.keywords


def test_wekws_list(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    manifest = rows(
        tmp_path / "data.list",
        {"key": "1", "txt": "hi xiaowen", "duration": 0.1, "wav": "a.wav"},
        {"key": "2", "txt": -1, "tot_len": 0.1, "wav": "a.wav"},
        {"key": "3", "txt": "this is a whole sentence", "wav": "a.wav"},
    )
    data = read_dataset(manifest)
    assert [(clip.label, clip.duration_s) for clip in data.keywords] == [("hi xiaowen", 0.1)]
    assert [clip.text for clip in data.negatives] == ["-1", "this is a whole sentence"]
    assert data.negatives[0].duration_s == 0.1


def test_labels_that_are_numbers_are_noted(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    data = read_dataset(rows(tmp_path / "m.jsonl", {"wav": "a.wav", "txt": 0}))
    assert data.words() == ["0"]
    assert any("The words are numbers here (0)" in note for note in data.notes)


def test_manifests_in_one_folder_state_splits(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    row: dict[str, object] = {"audio_filepath": "a.wav", "label": "go"}
    rows(tmp_path / "train_manifest.json", row, {**row, "split": "test"})
    rows(tmp_path / "kws-val.jsonl", row)
    data = read_dataset(tmp_path)
    assert sorted(str(clip.split) for clip in data.keywords) == ["dev", "test", "train"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"audio_filepath": "a.wav"', r"line 1: not JSON .* Expected one object a line"),
        ('["a.wav"]', r"line 1: expected one JSON object a line, found \[\"a.wav\"\]"),
        ('{"path": "a.wav", "label": "go"}', r"no 'audio_filepath' and no 'wav'. Found: path, lab"),
        ('{"wav": "a.wav", "offset": -1}', r"offset of -1.0 s. Expected 0 or more"),
        ('{"wav": "a.wav", "duration": 0}', r"duration of 0.0 s. Expected more than 0"),
        ('{"wav": "a.wav", "duration": "long"}', r"duration is 'long'. Expected a number"),
        ('{"wav": "a.wav", "duration": NaN}', r"duration is nan. Expected a number"),
        ('{"wav": "a.wav", "split": "tran"}', r"unknown split 'tran'. Did you mean 'train'\?"),
        ('{"wav": "a.wav", "role": "music"}', r"role 'music'. Expected one of: keyword, negative"),
        ('{"wav": 3}', r"the file's name is missing"),
    ],
)
def test_jsonl_errors(tmp_path: Path, line: str, told: str) -> None:
    sound(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match=told):
        read_dataset(table(tmp_path / "m.jsonl", line))


def test_written_manifest_reads_back(tmp_path: Path) -> None:
    root = tmp_path / "data"
    far = sound(tmp_path / "far.wav")
    for name in ("a.wav", "b.wav", "n.wav", "r.wav"):
        sound(root / name)
    written = Dataset(
        root,
        "JSONL manifest",
        keywords=(
            Clip(
                *(root / "a.wav", "hé", "s1", "dev", "mine", "hé!", 0.01, 0.05),
                start_s=0.0,
                end_s=0.04,
            ),
        ),
        negatives=(Clip(root / "b.wav", text="go on"), Clip(far)),
        noises=(Clip(root / "n.wav", split="train"),),
        rirs=(Clip(root / "r.wav"),),
    )
    write_manifest(written, root / "m.jsonl")
    assert read_dataset(root / "m.jsonl") == written
    assert '"audio_filepath": "a.wav"' in (root / "m.jsonl").read_text(encoding="utf-8")


# --- Kaldi --------------------------------------------------------------------------------------


def kaldi(root: Path, **files: str) -> Path:
    sound(root / "my wavs/a.wav", 2.0)
    sound(root / "b.wav")
    files = {
        "wav.scp": f"u1 {root}/my wavs/a.wav\nu2 b.wav\nu3 b.wav\n",
        "text": "u1 hey snips\nu2 <filler>\nu9 nobody\n",
        **{name.replace("wav_scp", "wav.scp"): text for name, text in files.items()},
    }
    for name, text in files.items():
        table(root / name, text)
    return root


def test_kaldi_folder(tmp_path: Path) -> None:
    data = read_dataset(kaldi(tmp_path, utt2spk="u1\tann\nu2  bob\n", utt2dur="u1 2.0\n"))
    assert [(c.label, c.speaker, c.duration_s) for c in data.keywords] == [
        ("hey snips", "ann", 2.0)
    ]
    assert data.keywords[0].load().shape == (2 * RATE,)
    assert [clip.speaker for clip in data.negatives] == ["bob", None]
    assert "1 line(s) of 'text' have no recording and are left out." in data.notes
    assert read_dataset(tmp_path / "wav.scp") == data


def test_kaldi_segments(tmp_path: Path) -> None:
    root = kaldi(
        tmp_path, segments="s1 u1 0.5 0.75\ns2 u1 1.0 -1\n", text="s1 hey snips\ns2 go on\n"
    )
    first, second = read_dataset(root).keywords
    assert (first.offset_s, first.duration_s, first.load().shape) == (0.5, 0.25, (4000,))
    assert (second.offset_s, second.duration_s, second.load().shape) == (1.0, None, (RATE,))


def test_a_command_is_refused_and_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    root = kaldi(tmp_path, wav_scp=f"u1 touch {ran} |\n")
    with pytest.raises(ManifestError, match=r"wav.scp 'u1': .* commands in data are never run"):
        read_dataset(root)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"wav_scp": "u1 raw.ark:17\n"}, r"within a Kaldi archive"),
        ({"segments": "s1 nowhere 0 1\n"}, r"'nowhere', which is not in wav.scp"),
        ({"segments": "s1 u1 1 0.5\n"}, r"segments line 1: from 1.0 to 0.5 s"),
        ({"segments": "s1 u1 1\n"}, r"segments line 1: 3 fields. Expected '<utterance> <rec"),
    ],
)
def test_kaldi_errors(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        read_dataset(kaldi(tmp_path, **files))


def test_kaldi_without_text(tmp_path: Path) -> None:
    (kaldi(tmp_path) / "text").unlink()
    with pytest.raises(ManifestError, match="no 'text' that says what is said"):
        read_dataset(tmp_path)


# --- CSV ----------------------------------------------------------------------------------------


def test_csv_folder(tmp_path: Path) -> None:
    for name in "abcnr":
        sound(tmp_path / f"{name}.wav")
    table(
        tmp_path / "keywords.csv",
        "\ufefffile,label,speaker,split,seconds,start,end\na.wav,go,s1,train,0.1,0.02,0.08\n"
        "b.wav,unknown,,dev,,,\n",
    )
    table(tmp_path / "speech.csv", 'file,source,text,start,end\nc.wav,radio,"well, yes",0.1,9\n')
    table(tmp_path / "noise.csv", "file\nn.wav\n")
    table(tmp_path / "rir.csv", "file,note\nr.wav,small\n")
    table(tmp_path / "keywords_other.csv", "nonsense\n")

    data = read_dataset(tmp_path)

    assert data.keywords == (
        Clip(*(tmp_path / "a.wav", "go", "s1", "train"), duration_s=0.1, start_s=0.02, end_s=0.08),
    )
    assert data.negatives == (
        Clip(tmp_path / "b.wav", split="dev"),
        Clip(tmp_path / "c.wav", source="radio", text="well, yes"),
    )
    assert names(data.noises) == ["n.wav"]
    assert names(data.rirs) == ["r.wav"]
    assert any(note.startswith("keywords_other.csv is left out") for note in data.notes)


def test_single_csv(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    data = read_dataset(table(tmp_path / "t.csv", "file,label,start,end\na.wav,go,,\nb.wav,,1,0\n"))
    assert names(data.keywords) == ["a.wav"]
    assert data.negatives == (Clip(tmp_path / "b.wav"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,label\na.wav,go\n", r"column 'file' is missing. Found: name, label. Expected: file"),
        ("file\na.wav\n", r"column 'label' is missing. Found: file"),
        ("", r"column 'file' is missing. Found: no header"),
        ("file,label,speeker\na.wav,go,x\n", r"unknown column 'speeker'. Did you mean 'speaker'\?"),
        ("file,label,split\na.wav,go,trian\n", r"line 2: unknown split 'trian'. Did you mean 'tra"),
        ("file,label,start,end\na.wav,go,0.5,0.2\n", r"the word from 0.5 to 0.2 s. Expected both"),
        ("file,label,start,end\na.wav,go,0.5,\n", r"the word from 0.5 to None s. Expected both"),
        ("file,label,seconds\na.wav,go,1 s\n", r"duration is '1 s'. Expected a number of seconds"),
        ("file,label\na.wav,go,1,2\n", r"line 2: another number of fields than the header"),
        ("file,label\na.wav\n", r"line 2: another number of fields than the header"),
        ("file,label\n,go\n", r"line 2: the file's name is missing"),
        ("file,label\nhttps://x.org/a.wav,go\n", r"is an address. Download it"),
        ("file,label\nrm x |,go\n", r"commands in data are never run"),
        ('file,label\n"a.wav,go\n', r"Check the quotes there"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, told: str) -> None:
    sound(tmp_path / "a.wav")
    table(tmp_path / "keywords.csv", text)
    with pytest.raises(ManifestError, match=told):
        read_dataset(tmp_path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"file,label\na.wav,h\xe9\n")
    with pytest.raises(ManifestError, match="not UTF-8 text"):
        read_dataset(tmp_path / "t.csv")


def test_single_missing_files_are_noted_most_are_an_error(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    few = table(tmp_path / "few.csv", "file,label\na.wav,go\nb.wav,go\ngone.wav,go\n")
    data = read_dataset(few)
    assert names(data.keywords) == ["a.wav", "b.wav", "gone.wav"]
    assert any("few.csv: 1 of 3 files are not there" in note for note in data.notes)
    most = table(tmp_path / "most.csv", "file,label\na.wav,go\nx.wav,go\ngone.wav,go\n")
    with pytest.raises(ManifestError, match=r"2 of 3 files are not there, such as .*gone.wav"):
        read_dataset(most)


def test_missing_files_are_counted_table_by_table(tmp_path: Path) -> None:
    present: list[dict[str, object]] = []
    for at in range(6):
        sound(tmp_path / f"{at}.wav")
        present.append({"wav": f"{at}.wav"})
    rows(tmp_path / "a.jsonl", *present)
    rows(tmp_path / "b.jsonl", *({"wav": f"no{at}.wav", "label": "go"} for at in range(3)))
    with pytest.raises(ManifestError, match=r"b.jsonl: 3 of 3 files are not there"):
        read_dataset(tmp_path)


# --- no layout ----------------------------------------------------------------------------------


def test_a_folder_of_recordings_alone(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match="1 recordings in it that nothing says the word of"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("empty", r"Found: nothing.*one folder per word"),
        ("nowhere", r"no such folder or manifest"),
        ("list.txt", r"a '.txt' file is no manifest that is known"),
        ("none.jsonl", r"read as JSONL manifest, but there is not one clip in it"),
    ],
)
def test_what_is_no_data_set(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("list.txt", "none.jsonl"):
        (tmp_path / file).touch()
    with pytest.raises(ManifestError, match=f"(?s){told}"):
        read_dataset(tmp_path / name)


# --- clips and splits ---------------------------------------------------------------------------


def test_bounds_are_measured_between_the_stated_ones(tmp_path: Path) -> None:
    samples = np.zeros(RATE, np.float32)
    samples[4000:8000] = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    path = tmp_path / "a.wav"
    assert Clip(path, start_s=0.3, end_s=0.4).bounds(samples) == pytest.approx((0.3, 0.4))
    start, end = Clip(path, start_s=0.1, end_s=0.9).bounds(samples)
    assert start == pytest.approx(0.25, abs=0.03)
    assert end == pytest.approx(0.5, abs=0.03)


def test_subset(tmp_path: Path) -> None:
    clips = tuple(
        Clip(tmp_path / str(split), "go", split=split) for split in ("train", None, "dev")
    )
    data = dataset(clips, noises=clips)
    assert data.subset("train").keywords == clips[:2]
    assert data.subset("dev").noises == clips[2:]
    assert data.subset("test").keywords == ()
    with pytest.raises(ManifestError, match=r"unknown split 'tset'. Did you mean 'test'\?"):
        data.subset("tset")


def test_speakers_stand_on_one_side(tmp_path: Path) -> None:
    data = dataset(said_by(20, "go") + said_by(10, "stop", first=12), said_by(30, None, first=5))
    divided = assign_splits(data)
    spoken = divided.keywords + divided.negatives
    assert all(len(splits) == 1 for splits in splits_of(spoken).values())
    for clips in (
        [clip for clip in divided.keywords if clip.label == "go"],
        [clip for clip in divided.keywords if clip.label == "stop"],
        divided.negatives,
    ):
        share = sum(clip.split == "dev" for clip in clips) / len(clips)
        assert 0.1 <= share <= 0.4
    assert not divided.notes


def test_the_seed_decides_and_speakers_that_join_move_few() -> None:
    data = dataset(said_by(40, "go"))
    first = assign_splits(data, seed=1)
    assert assign_splits(data, seed=1) == first
    assert assign_splits(data, seed=2) != first
    grown = assign_splits(dataset(said_by(41, "go")), seed=1)
    before = {clip.speaker for clip in first.keywords if clip.split == "dev"}
    after = {clip.speaker for clip in grown.keywords if clip.split == "dev"}
    assert len(before ^ after) <= 2


def test_order_of_the_clips_does_not_matter() -> None:
    data = dataset(said_by(20, "go"), said_by(20, None))
    turned = data.map(lambda clips: clips[::-1])
    assert assign_splits(turned) == assign_splits(data).map(lambda clips: clips[::-1])


def test_stated_splits_stay_and_bind_the_speaker() -> None:
    stated = tuple(
        Clip(Path(f"/{split}{at}"), "go", speaker=f"{split}{at}", split=split)
        for split in ("train", "dev", "test")
        for at in range(3)
    )
    assert assign_splits(dataset(stated)) == dataset(stated)
    later = Clip(Path("/later"), "go", speaker="test1")
    assert assign_splits(dataset((*stated, later))).keywords == (
        *stated,
        replace(later, split="test"),
    )


def test_dev_is_taken_from_train_where_none_is_stated() -> None:
    train = tuple(replace(clip, split="train") for clip in said_by(10, "go"))
    test = tuple(replace(clip, split="test") for clip in said_by(2, "go", first=50))
    divided = assign_splits(dataset(train + test))
    assert Counter(clip.split for clip in divided.keywords) == {"train": 40, "dev": 10, "test": 10}
    assert divided.keywords[50:] == test
    assert "No dev split is stated: it is taken from train." in divided.notes


def test_unknown_speakers_are_divided_by_file_with_a_loud_note() -> None:
    parts = tuple(
        Clip(Path(f"/{file}.wav"), "go", offset_s=float(part))
        for file in range(20)
        for part in range(5)
    )
    divided = assign_splits(dataset(parts))
    sides: dict[Path, set[str | None]] = {}
    for clip in divided.keywords:
        sides.setdefault(clip.path, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert Counter(clip.split for clip in divided.keywords) == {"train": 80, "dev": 20}
    assert any(note.startswith("SPEAKERS UNKNOWN for 100 of 100") for note in divided.notes)


def test_a_word_of_one_speaker_is_divided_by_file_with_a_note() -> None:
    divided = assign_splits(dataset(said_by(1, "go", clips=10), said_by(5, None, first=1)))
    assert Counter(clip.split for clip in divided.keywords) == {"train": 8, "dev": 2}
    assert any(note.startswith("ONE SPEAKER ('s0') says 'go'") for note in divided.notes)


def test_what_cannot_be_divided_stays_in_train_with_a_note() -> None:
    data = dataset(said_by(5, "go"), (Clip(Path("/tv.wav"), speaker="tv"),))
    divided = assign_splits(data)
    assert divided.negatives[0].split == "train"
    assert any("Nothing of the negatives could be held out" in note for note in divided.notes)


def test_a_speaker_with_nearly_all_clips_stays_in_train() -> None:
    data = dataset(said_by(1, "go", clips=90) + said_by(2, "go", clips=5, first=1))
    for seed in range(5):
        divided = assign_splits(data, seed=seed)
        assert splits_of(divided.keywords)["s0"] == {"train"}
        assert any(clip.split == "dev" for clip in divided.keywords)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ConfigError, match="expected a share between 0 and 1"):
        assign_splits(dataset(said_by(2, "go")), dev_share=share)


# --- keywords -----------------------------------------------------------------------------------


def test_other_words_become_negatives() -> None:
    data = dataset(said_by(1, "go", 1) + said_by(1, "Hey-Go", 1) + said_by(1, "stop", 2))
    chosen = select_keywords(data, ["stop"])
    assert [clip.label for clip in chosen.keywords] == ["stop", "stop"]
    assert [(c.label, c.source, c.text) for c in chosen.negatives] == [
        (None, "word:go", "go"),
        (None, "word:Hey-Go", "Hey-Go"),
    ]


def test_negatives_that_say_a_keyword_are_dropped_and_counted() -> None:
    texts = ("Is Onword a Computer, then?", "computers", None, "COMPUTÉR")
    negatives = tuple(Clip(Path(f"/{at}"), text=text) for at, text in enumerate(texts))
    other = Clip(Path("/other"), label="hey computer", text=None)
    data = dataset((*said_by(1, "computer", 2), other), negatives)
    chosen = select_keywords(data, ["Computer"])
    assert [clip.text for clip in chosen.negatives] == ["computers", None]
    assert chosen.words() == ["Computer"]
    assert chosen.notes == ("3 negative clip(s) left out: their text contains a keyword.",)
    assert data.notes == ()


def test_unknown_and_no_keywords() -> None:
    data = dataset(said_by(1, "computer"))
    with pytest.raises(ManifestError, match=r"unknown keyword 'compuetr'. Did you mean 'computer'"):
        select_keywords(data, ["compuetr"])
    with pytest.raises(ConfigError, match=r"no keyword asked for. Known: computer"):
        select_keywords(data, [])


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("jarvis", "Hey, JARVIS!", True),
        ("jarvis", "jarvis's lamp", True),
        ("jarvis", "jarvisson", False),
        ("hey_jarvis", "oh hey  Jarvis", True),
        ("hey jarvis", "hey you, jarvis", False),
        ("cafe", "le café noir", True),
        ("Straße", "STRASSE", True),
        ("مرحبا", "مَرْحَباً بك", True),
        ("你好小问", "嗯你好小问今天", True),
        ("你好小问", "你好小文", False),
        ("go", "", False),
        ("!", "anything!", False),
    ],
)
def test_whole_words_in_text(keyword: str, text: str, found: bool) -> None:
    assert contains_phrase(keyword, text) is found
