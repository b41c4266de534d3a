"""The OSCAL package: valid by somebody else's validator, whole by our own rules, and every break of a rule is named."""

import contextlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oscalparts import FAILED, Draft, make_dossier

from wayseal.assess.oscal import build_documents, build_package, write_package
from wayseal.assess.oscal_check import check_package, verify_package
from wayseal.assess.oscal_package import Fault
from wayseal.assess.oscal_parts import control_id, prop
from wayseal.model.errors import Integrity, Invalid, WaysealError

REPOSITORY = Path(__file__).resolve().parents[3]
ORACLE = REPOSITORY / ".tools" / "trestle" / "bin" / "python"
JUDGE = Path(__file__).with_name("trestle_judge.py")
GHOST = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def draft() -> Draft:
    """A package that may be spoilt."""
    return Draft()


def ask_trestle(folder: Path) -> dict[str, str]:
    """What compliance-trestle says of each document, in its own environment: `VALID`, or why not."""
    if not ORACLE.exists():
        pytest.skip("no compliance-trestle here; tools/setup-oracles fetches it")
    done = subprocess.run([ORACLE, "-W", "ignore", JUDGE, folder], capture_output=True, text=True, check=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def test_package_whole(draft: Draft, tmp_path: Path) -> None:
    """A package as it is exported breaks no rule, and says of which site it is."""
    package = verify_package(draft.write(tmp_path / "package"))
    assert package.site == "port"
    assert len(package.bodies("assessment-results")) == 2
    assert len(package.bodies("component-definition")) == 2


def test_trestle_accepts(draft: Draft, tmp_path: Path) -> None:
    """An independent validator finds every one of the seven kinds of document valid."""
    verdicts = ask_trestle(draft.write(tmp_path / "package"))
    assert len(verdicts) == len(draft.documents)
    assert set(verdicts.values()) == {"VALID"}


def test_dangling_reference(draft: Draft, tmp_path: Path) -> None:
    """A finding that points at an observation that does not exist passes the independent validator, and not ours."""
    draft.result["findings"][0]["related-observations"] = [{"observation-uuid": GHOST}]
    folder = draft.write(tmp_path / "package")
    with pytest.raises(Integrity, match="does not hold together"):
        verify_package(folder)
    assert set(ask_trestle(folder).values()) == {"VALID"}


def test_trestle_judges(draft: Draft, tmp_path: Path) -> None:
    """The independent validator is awake: it refuses a state that OSCAL does not have."""
    draft.result["findings"][0]["target"]["status"]["state"] = "splendid"
    verdicts = ask_trestle(draft.write(tmp_path / "package"))
    assert [path for path, verdict in verdicts.items() if verdict != "VALID"] == [
        "assessment-results/lane-host-1-2026-11-22.json"
    ]


def test_trestle_duplicates(draft: Draft, tmp_path: Path) -> None:
    """The independent validator's own rules run too: it refuses two observations under one UUID."""
    _same_uuid(draft, tmp_path / "package")
    verdicts = ask_trestle(tmp_path / "package")
    assert verdicts["assessment-results/lane-host-1-2026-11-22.json"].startswith("INVALID")


def _failing(draft: Draft) -> dict[str, Any]:
    """The observation of a probe that failed."""
    for one in draft.result["observations"]:
        if prop("probe-id", FAILED[0]) in one["props"]:
            found: dict[str, Any] = one
            return found
    raise AssertionError


def _unlisted(draft: Draft, folder: Path) -> None:
    draft.write(folder)
    (folder / "notes.txt").write_text("see you at the port")


def _edited(draft: Draft, folder: Path) -> None:
    draft.write(folder)
    file = folder / "catalog.json"
    file.write_bytes(file.read_bytes().replace(b"MP-7", b"MP-8", 1))


def _linked(draft: Draft, folder: Path) -> None:
    draft.write(folder)
    file = folder / "catalog.json"
    file.rename(folder.parent / "catalog.json")
    file.symlink_to(folder.parent / "catalog.json")


def _linked_folder(draft: Draft, folder: Path) -> None:
    draft.write(folder)
    (folder / "more").symlink_to(folder.parent)


def _without_profile(draft: Draft, folder: Path) -> None:
    del draft.documents["profile.json"]
    draft.write(folder)


def _other_version(draft: Draft, folder: Path) -> None:
    draft.documents["catalog.json"]["catalog"]["metadata"]["oscal-version"] = "2.0.0"
    draft.write(folder)


def _same_uuid(draft: Draft, folder: Path) -> None:
    first, second = draft.result["observations"][:2]
    second["uuid"] = first["uuid"]
    draft.write(folder)


def _copy_differs(draft: Draft, folder: Path) -> None:
    draft.poam["observations"][0]["description"] = "It was nothing."
    draft.write(folder)


def _unknown_device(draft: Draft, folder: Path) -> None:
    _failing(draft)["subjects"] = [{"subject-uuid": GHOST, "type": "inventory-item"}]
    draft.write(folder)


def _wrong_kind(draft: Draft, folder: Path) -> None:
    draft.poam["poam-items"][0]["related-risks"] = [{"risk-uuid": draft.poam["observations"][0]["uuid"]}]
    draft.write(folder)


def _unknown_control(draft: Draft, folder: Path) -> None:
    draft.documents["profile.json"]["profile"]["imports"][0]["include-controls"][0]["with-ids"].append("zz-1")
    draft.write(folder)


def _way_out(draft: Draft, folder: Path) -> None:
    draft.documents["profile.json"]["profile"]["imports"][0]["href"] = "../../etc/passwd"
    draft.write(folder)


def _wrong_import(draft: Draft, folder: Path) -> None:
    draft.documents["assessment-plan.json"]["assessment-plan"]["import-ssp"]["href"] = "catalog.json"
    draft.write(folder)


def _no_evidence(draft: Draft, folder: Path) -> None:
    del draft.evidence[next(iter(draft.evidence))]
    draft.write(folder)


def _claims_evidence(draft: Draft, folder: Path) -> None:
    one = _failing(draft)
    one["props"] = [part for part in one["props"] if part["name"] != "evidence-sha256"]
    one["props"].append(prop("evidence-sha256", "00" * 32))
    draft.write(folder)


def _spare_evidence(draft: Draft, folder: Path) -> None:
    draft.evidence["evidence/" + "00" * 32] = b"spare"
    draft.write(folder)


def _collected_late(draft: Draft, folder: Path) -> None:
    draft.result["observations"][3]["collected"] = "2026-11-22T11:30:00.000Z"
    draft.write(folder)


def _long_run(draft: Draft, folder: Path) -> None:
    draft.result["start"] = "2026-11-21T09:55:00.000Z"
    draft.write(folder)


def _future_run(draft: Draft, folder: Path) -> None:
    draft.result["end"] = "2026-11-22T10:30:00.000Z"
    draft.write(folder)


def _bare_finding(draft: Draft, folder: Path) -> None:
    del draft.result["findings"][0]["related-observations"]
    draft.write(folder)


def _painted_over(draft: Draft, folder: Path) -> None:
    observation = _failing(draft)["uuid"]
    for finding in draft.result["findings"]:
        if finding["related-observations"] == [{"observation-uuid": observation}]:
            finding["target"]["status"] = {"state": "satisfied"}
    draft.write(folder)


def _dropped_finding(draft: Draft, folder: Path) -> None:
    draft.result["findings"] = [
        one for one in draft.result["findings"] if one["target"]["status"]["state"] == "satisfied"
    ]
    draft.write(folder)


def _other_objective(draft: Draft, folder: Path) -> None:
    first, *_, last = draft.result["findings"]
    first["target"]["target-id"] = last["target"]["target-id"]
    draft.write(folder)


def _skipped_probe(draft: Draft, folder: Path) -> None:
    gone = draft.result["observations"].pop(0)["uuid"]
    draft.result["findings"] = [
        one for one in draft.result["findings"] if one["related-observations"] != [{"observation-uuid": gone}]
    ]
    draft.write(folder)


def _replayed_nonce(draft: Draft, folder: Path) -> None:
    other = draft.documents["assessment-results/camera-1-2026-11-22.json"]["assessment-results"]["results"][0]
    nonce = next(part["value"] for part in draft.result["props"] if part["name"] == "nonce")
    for holder in (other, *other["observations"]):
        next(part for part in holder["props"] if part["name"] == "nonce")["value"] = nonce
    draft.write(folder)


def _other_nonce(draft: Draft, folder: Path) -> None:
    next(part for part in draft.result["observations"][5]["props"] if part["name"] == "nonce")["value"] = (
        "ee" * 32
    )
    draft.write(folder)


def _dropped_item(draft: Draft, folder: Path) -> None:
    del draft.poam["poam-items"][0]
    draft.write(folder)


def _ownerless_item(draft: Draft, folder: Path) -> None:
    item = draft.poam["poam-items"][0]
    item["props"] = [part for part in item["props"] if part["name"] != "owner"]
    draft.write(folder)


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        (1, _unlisted), (1, _edited), (1, _linked), (1, _linked_folder), (2, _without_profile), (2, _other_version), (3, _same_uuid),
        (3, _copy_differs), (4, _unknown_device), (4, _wrong_kind), (5, _unknown_control), (6, _way_out),
        (6, _wrong_import), (7, _no_evidence), (7, _claims_evidence), (7, _spare_evidence), (8, _collected_late),
        (8, _long_run), (8, _future_run), (9, _bare_finding), (9, _painted_over), (9, _dropped_finding),
        (9, _other_objective), (10, _skipped_probe), (11, _replayed_nonce), (11, _other_nonce), (12, _dropped_item),
        (12, _ownerless_item),
    ],
)  # fmt: skip
def test_spoilt_package(
    draft: Draft, tmp_path: Path, rule: int, spoil: Callable[[Draft, Path], None]
) -> None:
    """Each way to spoil a package, with an honest manifest where it is not about that, is named by the rule it breaks."""
    spoil(draft, tmp_path / "package")
    _, faults = check_package(tmp_path / "package")
    assert rule in {fault.rule for fault in faults}


def test_same_uuids(tmp_path: Path) -> None:
    """Two exports of the same facts are the same bytes, so that a difference between two packages means something."""
    dossier = make_dossier()
    assert build_package(dossier) == build_package(dossier)
    write_package(build_package(dossier), tmp_path / "package")
    with pytest.raises(Invalid, match="not empty"):
        write_package(build_package(dossier), tmp_path / "package")


def test_no_items() -> None:
    """Where nothing was ever found there is no POA&M: OSCAL has no empty one."""
    dossier = make_dossier()
    clean = type(dossier)(**{**{name: getattr(dossier, name) for name in dossier.__slots__}, "items": ()})
    assert "plan-of-action-and-milestones.json" not in build_documents(clean)


@pytest.mark.parametrize(
    ("control", "spelt"), [("MP-7", "mp-7"), ("AC-20(2)", "ac-20.2"), ("SI-7(15)", "si-7.15")]
)
def test_control_id(control: str, spelt: str) -> None:
    """Controls have OSCAL's spelling; anything else is refused."""
    assert control_id(control) == spelt
    with pytest.raises(Invalid):
        control_id(f"x{control}")


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [path] if path else []
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        found += _paths(member, (*path, name))
    return found


_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({}), st.just([7])
)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_check_never_breaks(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever stands at whatever place, the check answers with faults or refuses; it never breaks."""
    draft = Draft()
    name = data.draw(st.sampled_from(sorted(draft.documents)))
    path = data.draw(st.sampled_from(_paths(draft.documents[name])))
    holder = draft.documents[name]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(_JUNK)
    folder = draft.write(tmp_path_factory.mktemp("spoilt") / "package")
    faults: tuple[Fault, ...] | None = None
    with contextlib.suppress(WaysealError):
        _, faults = check_package(folder)
    assert faults is None or all(1 <= fault.rule <= 12 and fault.what for fault in faults)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(["format", "site", "made", "files", "origin"]), _JUNK))
def test_any_manifest(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]) -> None:
    """Whatever a manifest says, the check answers with faults about what it says, or finds no package."""
    folder = tmp_path_factory.mktemp("manifest") / "package"
    Draft().write(folder)
    manifest = json.loads((folder / "package.json").read_bytes())
    (folder / "package.json").write_text(json.dumps(said := {**manifest, **changes}))
    try:
        package, faults = check_package(folder)
    except Integrity:
        return
    assert (package.site, package.files) == (str(said["site"]), said["files"])
    assert all(1 <= fault.rule <= 12 and fault.what for fault in faults)


@pytest.mark.parametrize("files", [[["a", "b"]], [[1, "b"]], {"../secret": "00"}, {"a": 1}, "text", None])
def test_odd_file_list(draft: Draft, tmp_path: Path, files: object) -> None:
    """A list of files that is none, or that names a path outside, is refused or at fault; nothing outside is read."""
    folder = draft.write(tmp_path / "package")
    (tmp_path / "secret").write_text("not for reading")
    manifest = json.loads((folder / "package.json").read_bytes())
    (folder / "package.json").write_text(json.dumps({**manifest, "files": files}))
    with pytest.raises(Integrity):
        verify_package(folder)
