"""`wayseal record inspect`: what a record says without a key, and how it fails."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sealsite import LONGER, NOW, Site

from wayseal.model.errors import Invalid
from wayseal.seal.inspect import read_public
from wayseal.seal.open import rewrap_record


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    code = "from wayseal.cli.main import main; main()"
    command = [sys.executable, "-c", code, "record", "inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def files(site: Site, tmp_path: Path) -> dict[str, Path]:
    """A sealed record that was re-wrapped once, and the public keys that vouch for it."""
    record = rewrap_record(
        site.seal(b"a face" * 1000), site.vault, site.vault.create_epoch(LONGER), reason="hold.court", rewrapped_at=NOW,
        signer=site.keyroom, device_public=site.lane.public, keyroom_publics=[],
    )  # fmt: skip
    made = {
        "record": record.data,
        "device": site.lane.public,
        "keyroom": site.keyroom.public.hex().encode() + b"\n",
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    return {name: tmp_path / name for name in made}


def test_json_without_a_key(files: dict[str, Path]) -> None:
    """Without any key the header, suite, sizes, wraps and re-wraps are there, and the signature is null."""
    done = run(files["record"], "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert answer["signature_valid"] is None
    assert answer["header"]["kind"] == "face"
    assert answer["header"]["padded_size"] + 16 == answer["sizes"]["body"]
    assert answer["sizes"]["total"] == files["record"].stat().st_size
    assert (answer["suite"]["id"], answer["record_class"], answer["epoch"]) == (1, "non_citizen", LONGER)
    assert [rewrap["reason"] for rewrap in answer["rewraps"]] == ["hold.court"]
    assert "a face" not in done.stdout


def test_keys_decide_signatures(files: dict[str, Path], tmp_path: Path) -> None:
    """With the right keys both signatures are valid; with another device's key the answer is false and the exit 4."""
    done = run(files["record"], "--json", "--device-key", files["device"], "--keyroom-key", files["keyroom"])
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["signature_valid"], answer["rewraps"][0]["signature_valid"]) == (
        0,
        True,
        True,
    )
    (tmp_path / "other").write_bytes(base64.b64encode(bytes(32)))
    done = run(files["record"], "--json", "--device-key", tmp_path / "other")
    assert (done.returncode, json.loads(done.stdout)["signature_valid"]) == (4, False)
    assert done.stderr.startswith("error: sealed record ")


def test_altered_and_truncated_files(files: dict[str, Path], tmp_path: Path) -> None:
    """An altered body shows with the device's key; a cut file is an error that names the record: exit 4 and a hint."""
    data = files["record"].read_bytes()
    identifier = json.loads(run(files["record"], "--json").stdout)["header"]["object_id"]
    middle = len(data) // 2
    for name, broken in (
        ("cut", data[:-5000]),
        ("flip", data[:middle] + bytes((data[middle] ^ 4,)) + data[middle + 1 :]),
    ):
        path = tmp_path / name
        path.write_bytes(broken)
        done = run(path, "--json", "--device-key", files["device"])
        assert done.returncode == 4
        assert f"error: sealed record {identifier}" in done.stderr
        assert "hint: " in done.stderr


@pytest.mark.parametrize(
    "data", [b"hello", b"WAYSEAL1", b"WAYSEAL1\x02\x00\x00", b"VAYSEAL1" * 100, b"\x89PNG" * 100]
)
def test_damaged_files_are_kept(tmp_path: Path, data: bytes) -> None:
    """What may have been a sealed record is an error that says to keep the bytes, exit 4, and nothing on stdout."""
    (tmp_path / "file").write_bytes(data)
    done = run(tmp_path / "file", "--json")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: sealed record: ")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"), (b"\x89PNG\r\n\x1a\n" + bytes(90), "a PNG picture"), (b"\xff\xd8\xff\xe0" * 100, "a JPEG picture"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(90), "a WebP picture"), (b"\0\0\0\x18ftypisom" + bytes(90), "a video"),
    ],
)  # fmt: skip
def test_other_files_are_named(tmp_path: Path, data: bytes, what: str) -> None:
    """A file that plainly is something else is a usage error that says what it is, not damage to be kept as evidence."""
    (tmp_path / "file").write_bytes(data)
    done = run(tmp_path / "file", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"error: this is no sealed record: it is {what}\nhint: Name a sealed record."
    )


def test_table_for_people(files: dict[str, Path]) -> None:
    """Without --json a person reads class, epoch, sizes and that the signature was not checked."""
    done = run(files["record"])
    assert done.returncode == 0
    for words in (
        "record class",
        "citizen/2026-11-22T07Z",
        "X-Wing",
        "re-wrapped to",
        "not checked: no key given",
    ):
        assert words in done.stdout


def test_missing_file_is_usage(tmp_path: Path) -> None:
    """A file that is not there is a usage error."""
    assert run(tmp_path / "nothing").returncode == 2


def test_key_files_come_in_three_forms(site: Site) -> None:
    """A public key is read raw, in hex and in base64; anything else is refused."""
    public = site.lane.public
    assert {
        read_public(form) for form in (public, public.hex().encode(), base64.b64encode(public) + b"\n")
    } == {public}
    for wrong in (b"", public[:-1], b"zz" * 32):
        with pytest.raises(Invalid):
            read_public(wrong)
