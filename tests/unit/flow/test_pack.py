"""An evidence pack counts again to what it says, and one that was touched does not."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_scope import Story, at

from wayseal.flow.pack import verify_pack, write_pack
from wayseal.flow.pack_seal import ENTRY, FILES, PROOF, PackSeal, list_handed_out, seal_pack
from wayseal.flow.scope import Question, scope_incident
from wayseal.ledger.checkpoint import SeedSigner, log_keys
from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, WaysealError
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import SubjectKind

INCIDENT = new_ulid(at(6))


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A ledger with twelve captures, four openings and one hour erased."""
    told = Story(tmp_path / "ledger")
    for number in range(12):
        record = told.capture(number / 4, lane="lane-1" if number % 3 else "lane-2")
        if number % 3 == 0:
            told.open(4, record, "officer:a")
    told.erase(5, 0)
    yield told
    told.ledger.close()


@pytest.fixture
def pack(story: Story, tmp_path: Path) -> Path:
    """The evidence of an incident about the officer."""
    story.ledger.sign_checkpoint(story.signer)
    question = Question(SubjectKind.PRINCIPAL, "officer:a", at(1), at(6))
    scope, facts = scope_incident(
        story.ledger, story.keys, question, may_open=lambda _kind, _class, lane: lane == "lane-1"
    )
    write_pack(
        tmp_path / "pack",
        story.ledger,
        {"incident": INCIDENT},
        scope,
        facts,
        keys=story.keys,
        recommendations=[],
    )
    seal(tmp_path / "pack", story)
    return tmp_path / "pack"


def seal(pack: Path, story: Story) -> PackSeal:
    """Hand a pack out, as the site does."""
    return seal_pack(
        pack,
        story.ledger,
        INCIDENT,
        time=to_text(at(7)),
        sign=lambda: story.ledger.sign_checkpoint(story.signer),
    )


def test_pack_counts_again(pack: Path, story: Story) -> None:
    """With the pack's own keys and with keys from elsewhere, the figures follow from the entries."""
    figures = verify_pack(pack, story.keys)
    assert (figures["images"], figures["proven_opened"], figures["own_keys"]) == (12, 4, False)
    assert figures["already_erased"] == 4
    assert verify_pack(pack)["own_keys"]
    assert len(list((pack / "ledger" / "evidence").iterdir())) == 8


def test_pack_of_strange_keys_is_refused(pack: Path) -> None:
    """Keys that did not sign this ledger's checkpoint verify nothing."""
    stranger = SeedSigner(b"s" * 32, b"t" * 32)
    with pytest.raises(WaysealError):
        verify_pack(pack, log_keys("agency/port", stranger))


def edit(pack: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a pack's `incident.json`."""
    file = pack / "incident.json"
    value = json.loads(file.read_text(encoding="utf-8"))
    change(value["scope"])
    file.write_text(json.dumps(value), encoding="utf-8")


def drop_line(pack: Path) -> None:
    """Leave out one entry."""
    file = pack / "ledger" / "entries.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def change_line(pack: Path) -> None:
    """Let somebody else have opened it."""
    file = pack / "ledger" / "entries.jsonl"
    file.write_bytes(file.read_bytes().replace(b"officer:a", b"officer:b", 1))


def drop_row(pack: Path) -> None:
    """Leave out one record."""
    file = pack / "records.csv"
    file.write_text(
        "".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )


def drop_proof(pack: Path) -> None:
    """Leave out one proof."""
    next((pack / "ledger" / "evidence").iterdir()).unlink()


def swap_proofs(pack: Path) -> None:
    """Give one proof another's name."""
    first, second, *_ = sorted((pack / "ledger" / "evidence").iterdir())
    shutil.copy(second, first)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "fewer-images": lambda pack: edit(pack, lambda scope: scope.update(images=scope["images"] - 1)),
    "nothing-opened": lambda pack: edit(pack, lambda scope: scope.update(proven_opened=0)),
    "other-lanes": lambda pack: edit(pack, lambda scope: scope.update(lanes={"lane-9": scope["images"]})),
    "shorter-time": lambda pack: edit(pack, lambda scope: scope.update(until=scope["since"])),
    "other-subject": lambda pack: edit(pack, lambda scope: scope["subject"].update(id="officer:b")),
    "milder-policy": lambda pack: edit(pack, lambda scope: scope["rulings"].clear()),
    "no-places": lambda pack: edit(pack, lambda scope: scope["subject"].pop("places")),
    "shorter-span": lambda pack: edit(pack, lambda scope: scope["proofs"]["span"].update(end=3)),
    "no-subject": lambda pack: edit(pack, lambda scope: scope.pop("subject")),
    "entry-dropped": drop_line,
    "entry-changed": change_line,
    "row-dropped": drop_row,
    "proof-dropped": drop_proof,
    "proof-swapped": swap_proofs,
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_touched_pack_is_refused(pack: Path, story: Story, damage: str) -> None:
    """Whatever is changed in a pack is found out by its seal, and when the site seals it anew, by counting it again."""
    DAMAGE[damage](pack)
    with pytest.raises(WaysealError, match=r"handed out|incident\.json"):
        verify_pack(pack, story.keys)
    seal(pack, story)
    with pytest.raises(WaysealError) as caught:
        verify_pack(pack, story.keys)
    assert "handed out" not in str(caught.value)


def narrow(pack: Path, story: Story) -> None:
    """Ask about an hour less, and count everything to fit."""
    shutil.rmtree(pack)
    question = Question(SubjectKind.PRINCIPAL, "officer:a", at(1), at(3))
    scope, facts = scope_incident(story.ledger, story.keys, question, may_open=lambda *_: False)
    write_pack(pack, story.ledger, {"incident": INCIDENT}, scope, facts, keys=story.keys, recommendations=[])


def test_narrowed_question(pack: Path, story: Story, tmp_path: Path) -> None:
    """A pack whose figures follow from a smaller question has no seal but the first pack's; sealed anew, both are on the ledger."""
    shutil.copytree(pack, tmp_path / "first")
    first = verify_pack(pack, story.keys)
    narrow(pack, story)
    with pytest.raises(Integrity, match="no seal"):
        verify_pack(pack, story.keys)
    for name in (FILES, ENTRY, PROOF):
        shutil.copy(tmp_path / "first" / name, pack / name)
    with pytest.raises(Integrity, match="not the one that was handed out"):
        verify_pack(pack, story.keys)
    seal(pack, story)
    second = verify_pack(pack, story.keys)
    assert second["images"] < first["images"]
    assert [one.index for one in list_handed_out(story.ledger, INCIDENT)] == [
        first["pack_entry"],
        second["pack_entry"],
    ]


def test_seal_covers_every_file(pack: Path, story: Story) -> None:
    """A file more, a link, a changed page or another incident's seal is refused; the list is one that `sha256sum` reads."""
    (pack / "report.html").write_text("<p>nothing happened</p>", encoding="utf-8")
    with pytest.raises(Integrity, match="added"):
        verify_pack(pack, story.keys)
    (pack / "report.html").unlink()
    (pack / "link").symlink_to(pack / "README.md")
    with pytest.raises(Integrity, match="no plain file"):
        verify_pack(pack, story.keys)
    (pack / "link").unlink()
    done = subprocess.run(["sha256sum", "-c", "--quiet", FILES], cwd=pack, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")
    value = json.loads((pack / "incident.json").read_text(encoding="utf-8"))
    value["incident"]["incident"] = new_ulid(at(8))
    (pack / "incident.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(Integrity, match="another incident"):
        verify_pack(pack, story.keys)


def test_no_pack(tmp_path: Path, pack: Path, story: Story) -> None:
    """A folder without a pack, or with something that is none, is said to be none; a full folder is not written over."""
    with pytest.raises(Invalid):
        verify_pack(tmp_path / "ledger")
    (pack / "incident.json").write_text("[]", encoding="utf-8")
    with pytest.raises(Invalid):
        verify_pack(pack)
    question = Question(SubjectKind.PRINCIPAL, "officer:a", at(1), at(6))
    scope, facts = scope_incident(story.ledger, story.keys, question, may_open=lambda *_: True)
    with pytest.raises(Invalid):
        write_pack(pack, story.ledger, {}, scope, facts, keys=story.keys, recommendations=[])
