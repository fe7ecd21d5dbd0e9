"""Each planted fault is the only finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_data import SyntheticDataset, save, shifted, voice

from wakeword.data.check import CheckReport, Finding, check_dataset


@pytest.fixture
def data(tmp_path: Path) -> SyntheticDataset:
    return SyntheticDataset(tmp_path)


def only(report: CheckReport, severity: str, kind: str) -> Finding:
    """Return the only finding, which must be of this kind."""
    assert [(finding.severity, finding.kind) for finding in report.findings] == [(severity, kind)]
    return report.findings[0]


def test_unreadable_files_are_reported_with_the_reason(data: SyntheticDataset) -> None:
    garbage = data.keyword()
    garbage.path.write_bytes(b"RIFF this is not audio")
    nan = data.keyword()
    save(nan.path, np.full(8000, np.nan, np.float32), subtype="FLOAT")
    gone = data.negative()
    gone.path.unlink()

    report = data.report()

    finding = only(report, "error", "broken")
    assert "3 clip(s) cannot be read as audio" in finding.message
    assert "50% of one part of the data ('computer' in train" in finding.message
    reasons = dict(report.broken)
    assert list(reasons) == list(finding.files) == [c.path.name for c in (garbage, nan, gone)]
    assert "cannot be read as audio" in reasons[garbage.path.name]
    assert "not numbers" in reasons[nan.path.name]
    assert "no such file" in reasons[gone.path.name]


def test_a_few_unreadable_files_are_a_warning(data: SyntheticDataset) -> None:
    for _ in range(25):
        data.negative()
    data.negatives[0].path.write_bytes(b"")
    assert only(data.report(), "warning", "broken").files == (data.negatives[0].path.name,)


def test_silent_clips(data: SyntheticDataset) -> None:
    zero = data.keyword(np.zeros(8000, np.float32))
    low = data.keyword(voice(900) / 1000)
    finding = only(data.report(), "error", "silent")
    assert finding.files == (zero.path.name, low.path.name)


def test_noise_of_a_quiet_room_is_not_silent(data: SyntheticDataset) -> None:
    data.noises.append(replace(data.negative(voice(900) / 1000), label=None))
    data.negatives.pop()
    assert data.report().findings == ()


def test_clipping_but_not_a_peak_at_full_scale(data: SyntheticDataset) -> None:
    loud = data.samples()
    overdriven = data.keyword(np.clip(20 * loud, -1.0, 1.0))
    data.keyword(data.samples() / 0.4)
    finding = only(data.report(), "warning", "clipped")
    assert finding.files == (overdriven.path.name,)


def test_sample_rates_that_differ_between_keywords_and_negatives(data: SyntheticDataset) -> None:
    data.negatives = [
        replace(clip, path=save(clip.path, data.samples(), 48_000)) for clip in data.negatives
    ]
    finding = only(data.report(), "warning", "recorded-differently")
    assert "Most keywords are wav at 16000 Hz, most negatives wav at 48000 Hz" in finding.message


@pytest.mark.parametrize(("seconds", "kind"), [(0.2, "too-short"), (5.2, "too-long")])
def test_keywords_of_unusual_length(data: SyntheticDataset, seconds: float, kind: str) -> None:
    odd = data.keyword(data.samples(seconds))
    assert only(data.report(), "warning", kind).files == (odd.path.name,)


def test_stated_bounds_determine_the_length(data: SyntheticDataset) -> None:
    data.keyword(data.samples(6.0))
    data.keywords[-1] = replace(data.keywords[-1], start_s=4.0, end_s=5.0)
    assert data.report().findings == ()
    data.keywords[-1] = replace(data.keywords[-1], start_s=5.5, end_s=6.5)
    only(data.report(), "warning", "beyond-the-end")


def test_exact_duplicates(data: SyntheticDataset) -> None:
    recording = data.samples()
    first, second = data.negative(recording), data.negative(recording)
    finding = only(data.report(), "warning", "exact-duplicates")
    assert finding.files == (first.path.name, second.path.name)
    assert data.report().duplicates[0].kind == "exact"


def test_near_duplicates(data: SyntheticDataset) -> None:
    recording = data.samples()
    clips = [data.keyword(recording), data.keyword(shifted(recording)), data.keyword(recording)]
    report = data.report()
    assert only(report, "warning", "near-duplicates").files == tuple(c.path.name for c in clips)
    assert [(group.kind, group.splits) for group in report.duplicates] == [("near", ("train",))]


def test_a_near_duplicate_that_was_encoded_again(data: SyntheticDataset) -> None:
    recording = data.samples()
    first = data.keyword(recording)
    coded = save(data.root / "coded.ogg", shifted(recording), format="OGG", subtype="VORBIS")
    data.keywords.append(replace(first, path=coded))
    assert only(data.report(), "warning", "near-duplicates").files == (first.path.name, "coded.ogg")


@pytest.mark.parametrize("change", [lambda recording: recording, shifted], ids=["exact", "near"])
def test_duplicates_across_splits(data: SyntheticDataset, change) -> None:
    recording = data.samples()
    first = data.keyword(recording)
    second = data.keyword(change(recording), split="dev", speaker="dev-0")
    report = data.report()
    finding = only(report, "error", "duplicates-across-splits")
    assert set(finding.files) == {first.path.name, second.path.name}
    assert report.duplicates[0].splits == ("dev", "train")


def test_one_recording_with_two_labels(data: SyntheticDataset) -> None:
    recording = data.samples()
    data.keyword(recording)
    data.negative(recording)
    report = data.report()
    only(report, "error", "label-conflict")
    assert report.duplicates[0].labels == ("", "computer")


def test_silent_clips_are_not_duplicates(data: SyntheticDataset) -> None:
    for _ in range(2):
        data.keyword(np.zeros(8000, np.float32))
    assert data.report().duplicates == ()


def test_the_same_noise_in_two_splits_is_not_an_error(data: SyntheticDataset) -> None:
    data.noises.append(replace(data.noises[0], split="dev"))
    only(data.report(), "warning", "exact-duplicates")


def test_speaker_in_two_splits(data: SyntheticDataset) -> None:
    data.keyword(split="dev", speaker="train-1")
    finding = only(data.report(), "error", "speaker-overlap")
    assert "1 speaker(s) are in more than one split" in finding.message
    assert "train-1" in finding.message


@pytest.mark.parametrize(
    ("speaker", "sources", "severity"),
    [
        ("27", ("radio", "books"), "warning"),
        ("27", ("radio", "radio"), "error"),
        ("27", ("radio", None), "error"),
        ("0c40e715", ("radio", "books"), "error"),
    ],
)
def test_a_speaker_number_used_by_two_sources_is_a_warning(
    data: SyntheticDataset, speaker: str, sources: tuple[str | None, str | None], severity: str
) -> None:
    for split, source in zip(("train", "dev"), sources, strict=True):
        data.negative(split=split, speaker=speaker, source=source)
    kind = "speaker-overlap" if severity == "error" else "speaker-numbers"
    assert len(only(data.report(), severity, kind).files) == 2


def test_missing_speakers(data: SyntheticDataset) -> None:
    data.keyword(speaker=None)
    data.negative(speaker=None)
    finding = only(data.report(), "warning", "speakers-missing")
    assert "1 keyword and 1 negative clip(s)" in finding.message


def test_a_keyword_in_the_text_of_a_negative(data: SyntheticDataset) -> None:
    wrong = data.negative(text="Is Onword a Computer term?")
    finding = only(data.report(), "error", "keyword-in-negatives")
    assert finding.files == (wrong.path.name,)
    assert "(computer)" in finding.message


def test_no_negatives(data: SyntheticDataset) -> None:
    data.negatives.clear()
    only(data.report(), "error", "no-negatives")


def test_no_keywords(data: SyntheticDataset) -> None:
    data.keywords.clear()
    only(data.report(), "error", "no-keywords")


def test_a_keyword_without_clips_in_a_split(data: SyntheticDataset) -> None:
    data.keywords = [c for c in data.keywords if (c.label, c.split) != ("jarvis", "dev")]
    data.negatives = [c for c in data.negatives if c.split != "dev"]
    finding = only(data.report(), "error", "empty-split")
    assert finding.message == "No clips in dev of: 'jarvis', negatives."


def test_without_stated_splits_none_is_missing(data: SyntheticDataset) -> None:
    unstated = data.dataset().map(lambda clips: tuple(replace(c, split=None) for c in clips))
    report = check_dataset(unstated)
    assert report.findings == ()
    assert {row.split for row in report.rows} == {"-"}


def test_several_spellings_of_a_word(data: SyntheticDataset) -> None:
    data.keywords = [
        replace(clip, label="Computer") if clip.label == "jarvis" else clip
        for clip in data.keywords
    ]
    finding = check_dataset(data.dataset(), ["computer"]).findings[0]
    assert (finding.severity, finding.kind) == ("warning", "spellings")
    assert "Computer = computer" in finding.message
