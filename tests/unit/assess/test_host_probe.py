"""Running probes: whatever a probe does, the assessment goes on, and nothing but a pass of every part is a pass."""

import subprocess
import sys
import threading

import pytest
from hosttree import NOW

from wayseal.assess import collector
from wayseal.assess.catalogue import Where, find_probe, load_catalogue, parse_catalogue
from wayseal.assess.probe import (
    EVIDENCE_LIMIT,
    Seen,
    Subject,
    _parts,
    encode_evidence,
    failed,
    not_applicable,
    passed,
    probe,
    run_part,
    run_probe,
)
from wayseal.model.errors import Invalid, NotFound, Unavailable
from wayseal.model.oversight import EquipmentKind, Result

SPEC = find_probe("p01")  # host and outside
LANE = EquipmentKind.LANE_HOST
PICTURE = "AB12CDE"


@pytest.fixture
def no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty registry."""
    monkeypatch.setattr("wayseal.assess.probe._parts", {})


def subject(**views: object) -> Subject:
    """Return a lane host with views by place."""
    return Subject(LANE, {Where(name): view for name, view in views.items()})


def run(given: Subject, **options: float) -> tuple[Result, str]:
    """Return result and reason of probe 1."""
    seen = run_probe(SPEC, given, lambda: NOW, **options)
    return seen.result, seen.reason


def register(where: str, seen: Seen) -> None:
    """Register a part of probe 1 that sees something."""
    probe(SPEC.id, where=where)(lambda _view: seen)


@pytest.mark.usefixtures("no_parts")
def test_all_parts_pass() -> None:
    """A probe passes when every part of it passes, and its evidence holds that of both."""
    register("host", passed("good", a=1))
    register("outside", passed("fine", b=2))
    seen = run_probe(SPEC, subject(host=1, outside=2), lambda: NOW)
    assert seen.result is Result.PASS
    assert seen.reason == "host: good; outside: fine"
    assert b'"evidence":{"a":1}' in seen.evidence
    assert b'"evidence":{"b":2}' in seen.evidence


@pytest.mark.usefixtures("no_parts")
@pytest.mark.parametrize(
    ("host", "outside", "result"),
    [
        (passed("x"), failed("y"), Result.FAIL),
        (Seen(Result.ERROR, "x"), passed("y"), Result.ERROR),
        (Seen(Result.ERROR, "x"), failed("y"), Result.FAIL),
        (not_applicable("x"), passed("y"), Result.PASS),
        (not_applicable("x"), not_applicable("y"), Result.NOT_APPLICABLE),
        (not_applicable("x"), Seen(Result.ERROR, "y"), Result.ERROR),
    ],
)
def test_worst_part_counts(host: Seen, outside: Seen, result: Result) -> None:
    """The worst part decides: fail, error, pass, not applicable."""
    register("host", host)
    register("outside", outside)
    assert run(subject(host=1, outside=2))[0] is result


@pytest.mark.usefixtures("no_parts")
def test_missing_part_is_an_error() -> None:
    """A part that nobody ran, or that nothing was given to look at, is an error, never a pass."""
    register("host", passed("good"))
    assert run(subject(host=1, outside=2)) == (Result.ERROR, "outside: the outside part was not run")
    register("outside", passed("good"))
    assert run(subject(host=1)) == (Result.ERROR, "outside: the outside part was not run")


@pytest.mark.usefixtures("no_parts")
def test_known_part_is_taken() -> None:
    """A part that came in a host's verified bundle is not run again."""
    register("outside", passed("fine"))
    known = run_part(find_probe("p01"), Where.HOST, subject(), lambda: NOW)
    assert run_probe(SPEC, subject(outside=1), lambda: NOW, known={Where.HOST: known}).result is Result.ERROR


@pytest.mark.usefixtures("no_parts")
def test_hanging_probe_is_an_error() -> None:
    """A probe that hangs becomes an error at its time limit, and the assessment goes on."""
    release = threading.Event()
    probe(SPEC.id, where="host")(lambda _view: passed("late") if release.wait() else passed("never"))
    seen = run_part(SPEC, Where.HOST, subject(host=1), lambda: NOW, limit_s=0.01)
    release.set()
    assert (seen.result, seen.reason) == (Result.ERROR, "no answer within 0.01 seconds")


@pytest.mark.usefixtures("no_parts")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(f"plate {PICTURE}"), "the probe broke: ValueError"),
        (PermissionError(13, PICTURE), "the probe broke: PermissionError; run the collector as root"),
        (Unavailable("the program chronyc is not installed"), "the program chronyc is not installed"),
        (SystemExit(PICTURE), "the probe broke: SystemExit"),
        (RecursionError(), "the probe broke: RecursionError"),
    ],
)
def test_broken_probe_tells_the_type_only(error: BaseException, reason: str) -> None:
    """An exception becomes an error that names its type; its text, which may say anything, goes nowhere."""

    def look(_view: object) -> Seen:
        raise error

    probe(SPEC.id, where="host")(look)
    seen = run_part(SPEC, Where.HOST, subject(host=1), lambda: NOW)
    assert (seen.result, seen.reason) == (Result.ERROR, reason)
    assert PICTURE.encode() not in seen.evidence


@pytest.mark.usefixtures("no_parts")
@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (b" " * (EVIDENCE_LIMIT + 1), "larger than 256 kB"),
        (b'{"b":1, "a":2}', "not canonical JSON"),
        (b"\xff", "UnicodeDecodeError"),
        (b"{", "JSONDecodeError"),
    ],
)
def test_bad_evidence_is_an_error(evidence: bytes, says: str) -> None:
    """Evidence that is too long or not canonical JSON makes an error out of whatever the probe said."""
    register("host", Seen(Result.PASS, "good", evidence))
    seen = run_part(SPEC, Where.HOST, subject(host=1), lambda: NOW)
    assert seen.result is Result.ERROR
    assert says in seen.reason


@pytest.mark.usefixtures("no_parts")
def test_large_parts_together_are_an_error() -> None:
    """Two parts that are large together do not make an observation that nobody can file."""
    half = passed("good", text="x" * (EVIDENCE_LIMIT // 2 + 1))
    register("host", half)
    register("outside", half)
    assert run(subject(host=1, outside=2))[0] is Result.ERROR


def test_other_kind_is_not_applicable() -> None:
    """A probe of lane computers is not applicable to a camera, and the evidence says which kinds it is for."""
    seen = run_probe(SPEC, Subject(EquipmentKind.CAMERA, {}), lambda: NOW)
    assert seen.result is Result.NOT_APPLICABLE
    assert b'"kinds":["lane_host","centre_host"]' in seen.evidence


@pytest.mark.usefixtures("no_parts")
def test_two_parts_for_one_place_are_refused() -> None:
    """Two functions cannot both be the host part of one probe."""
    register("host", passed("good"))
    with pytest.raises(Invalid, match="two parts"):
        register("host", passed("better"))


def test_catalogue_is_whole() -> None:
    """The catalogue has the 31 probes in order, each with a control of SP 800-53 r5, parts, kinds and advice."""
    catalogue = load_catalogue()
    assert [spec.id for spec in catalogue] == [f"p{number:02}" for number in range(1, 32)]
    assert all(spec.advice.endswith(".") and not spec.title.endswith(".") for spec in catalogue)
    with pytest.raises(NotFound):
        find_probe("p32")


GOOD = """
[p01]
title = "a"
controls = ["MP-7"]
where = ["host"]
kinds = ["lane_host"]
cadence = "daily"
severity = "high"
mend_days = 7
version = "1"
advice = "b"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[p01]", "[p32]"),
        ("[p01]", "[P1]"),
        ('"MP-7"', '"MP-07"'),
        ('"MP-7"', '"XX-7"'),
        ('"MP-7"', ""),
        ('"host"', '"moon"'),
        ('"lane_host"', '"toaster"'),
        ("mend_days = 7", "mend_days = 0"),
        ('title = "a"', 'title = ""'),
        ('version = "1"', ""),
        ('advice = "b"', 'advice = "b"\nmore = 1'),
        ("[p01]", "[p01"),
    ],
)
def test_wrong_catalogue_is_refused(old: str, new: str) -> None:
    """A catalogue with a wrong id, control, place, kind, time, or a missing or unknown field is refused."""
    assert len(parse_catalogue(GOOD)) == 1
    with pytest.raises(Invalid):
        parse_catalogue(GOOD.replace(old, new))


def test_every_host_part_is_registered() -> None:
    """Importing the collector registers a host part for each probe of the catalogue that has one."""
    assert collector.HOST_MODULES
    for spec in load_catalogue():
        assert ((spec.id, Where.HOST) in _parts) == (Where.HOST in spec.where), spec.id
    assert encode_evidence({"b": 1, "a": [None, True]}) == b'{"a":[null,true],"b":1}'


def test_collector_is_small() -> None:
    """The collector starts with the standard library, cryptography and rfc8785 alone: nothing heavy on a lane computer."""
    code = (
        "import sys; before = set(sys.modules); import wayseal.assess.collector\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(' '.join(sorted(new - set(sys.stdlib_module_names))))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) <= {"wayseal", "cryptography", "_cffi_backend", "_openssl", "rfc8785"}
