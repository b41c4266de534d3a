"""Reports: figures that follow the register, pages that stand alone, PDFs that a reader can open, tables as CSV."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from lineparts import MovableClock
from overseeparts import (
    BOSS,
    add_subcontractor,
    answer_probes,
    assess,
    enrol_host,
    give_duties,
    open_test_desk,
)
from PIL import ImageFile

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.egress_watch import DeviceEvent
from wayseal.cli.main import root
from wayseal.flow.egress import event_entry
from wayseal.flow.oversee.assessments import draw_assessment, record_assessment
from wayseal.flow.oversee.desk import Desk
from wayseal.flow.oversee.register import note_change
from wayseal.flow.oversee.standing import suspend_vendor
from wayseal.flow.reports.kinds import KINDS, make_report
from wayseal.flow.reports.render import render_html, render_pdf, write_report
from wayseal.flow.reports.value import Report, Section, Sources, Table, new_report
from wayseal.model.errors import Invalid, NotFound, Unavailable
from wayseal.model.oversight import AssessmentKind

START = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> MovableClock:
    """A clock."""
    return MovableClock(START)


@pytest.fixture
def desk(tmp_path: Path, clock: MovableClock) -> Desk:
    """A register with a prime, a subcontractor and its lane computer."""
    desk = open_test_desk(tmp_path, f"sqlite:///{tmp_path}/rows.sqlite", clock)
    add_subcontractor(desk)
    enrol_host(desk)
    return desk


def figures(report: Report) -> dict[str, object]:
    """Every figure by its name."""
    return {one.name: one.value for section in report.sections for one in section.figures}


def test_coverage_is_live(desk: Desk, clock: MovableClock) -> None:
    """Coverage goes from nothing to whole by an assessment, and back by time alone."""
    sources = Sources(desk)
    assert figures(make_report("coverage", sources))["Assessed within the cycle"] == "0 of 1 (0 %)"
    assess(desk)
    assert figures(make_report("coverage", sources))["Assessed within the cycle"] == "1 of 1 (100 %)"
    clock.move(timedelta(days=91))
    after = make_report("coverage", sources)
    assert figures(after)["Assessed within the cycle"] == "0 of 1 (0 %)"
    assert [row["overdue"] for row in after.tables()["devices"].rows] == [True]


def test_findings_late(desk: Desk, clock: MovableClock) -> None:
    """A finding is open, then overdue, then mended after so many days."""
    assess(desk, failing=("p03",))
    sources = Sources(desk)
    assert figures(make_report("findings", sources))["Overdue"] == 0
    clock.move(timedelta(days=30))
    late = make_report("poam", sources)
    assert (figures(late)["Open"], figures(late)["Overdue"]) == (1, 1)
    assert late.tables()["open"].rows[0]["owner"] == "sub"
    assess(desk)
    mended = figures(make_report("findings", sources))
    assert (mended["Open"], mended["Closed"], mended["Days from finding to mending, on average"]) == (
        0,
        1,
        "30.0",
    )


def test_standing_with_reasons(desk: Desk) -> None:
    """Each organisation stands with the reasons in words, and the chain above it."""
    assess(desk, failing=("p03",))
    suspend_vendor(desk, "prime", reason="breach", actor=BOSS)
    report = make_report("vendor-standing", Sources(desk))
    rows = {row["vendor"]: row for row in report.tables()["vendors"].rows}
    assert rows["sub"]["under"] == "prime"
    assert "suspended" in rows["sub"]["reasons"]
    assert "findings are open" in rows["sub"]["reasons"]
    assert figures(report)["With nothing against them"] != figures(report)["Organisations"]
    (text,) = (section.text for section in report.sections if section.title == "sub")
    assert text[0] == "Works under prime."


def test_evidence_answers_three(desk: Desk) -> None:
    """The pack has each recommendation with figures that move: a refused device, a failed probe, a missing sign-off."""
    sources = Sources(desk)
    before = make_report("evidence", sources)
    assert [section.title[:2] for section in before.sections][:3] == ["1.", "2.", "3."]
    assert figures(before)["Signed off by operations and IT"] == "no"
    stick = DeviceEvent("refused", "usb", "1-2", "0781", "5567", None)
    desk.ledger.append([event_entry("host-1", stick, sources.now)])
    assess(desk, failing=("p02",))
    give_duties(desk)
    after = make_report("evidence", sources)
    assert figures(after)["USB devices refused in 90 days"] == 1
    assert figures(after)["Signed off by operations and IT"] == "yes"
    assert figures(after)["Lanes with a public notice in force"] == "1 of 1 (100 %)"
    (host,) = after.tables()["hosts"].rows
    assert (host["media"], host["encryption"], host["watch"]) == ("failed: p02", "passed", "never")
    assert after.ledger_size > before.ledger_size


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_is_not_good(tmp_path: Path, clock: MovableClock, kind: str) -> None:
    """Where no device, host or lane is registered and nobody looked, no figure about them is shown as good."""
    empty = open_test_desk(tmp_path / "empty", f"sqlite:///{tmp_path}/empty.sqlite", clock)
    report = make_report(kind, Sources(empty))
    good = {one.name for section in report.sections for one in section.figures if one.good}
    assert good <= {"Suspended"}


def test_old_evidence_is_no_evidence(desk: Desk, clock: MovableClock) -> None:
    """A host's probes count within their cycle and for the device as it is: not a year later, and not after a change."""

    def media() -> object:
        (host,) = make_report("evidence", Sources(desk)).tables()["hosts"].rows
        return host["media"]

    assess(desk)
    assert media() == "passed"
    clock.move(timedelta(days=1))
    note_change(desk, "host-1", actor=BOSS, model="edge-8")
    assert media() == "not assessed"
    assess(desk)
    assert media() == "passed"
    clock.move(timedelta(days=91))
    assert media() == "not assessed"
    assert (
        figures(make_report("evidence", Sources(desk)))["Hosts that refuse removable media (probes 1-4)"]
        == "0 of 1 (0 %)"
    )


def test_a_change_during_an_assessment_counts(desk: Desk, clock: MovableClock) -> None:
    """A device that was changed after its assessment was drawn is not covered by it, though it was recorded later."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    clock.move(timedelta(minutes=5))
    note_change(desk, "host-1", actor=BOSS, model="edge-8")
    clock.move(timedelta(minutes=5))
    record_assessment(
        desk, drawn, answer_probes(desk.clock()), nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1"
    )
    assert figures(make_report("coverage", Sources(desk)))["Assessed within the cycle"] == "0 of 1 (0 %)"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_page_stands_alone(desk: Desk, kind: str) -> None:
    """Each kind makes a page that names nothing outside itself and says what it was computed from."""
    assess(desk, failing=("p03",))
    report = make_report(kind, Sources(desk, evaluation=True))
    page = render_html(report)
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert report.ledger_root in page.replace("&#43;", "+")
    assert "Test site" in page


def test_pdf(desk: Desk, tmp_path: Path) -> None:
    """The PDF is one, tagged and with its title, and is written whole or not at all."""
    report = make_report("evidence", Sources(desk))
    try:
        data = render_pdf(report)
    except Unavailable:
        pytest.skip("no Pango here")
    assert data.startswith(b"%PDF-")
    streams = [
        zlib.decompress(part) for part in re.findall(rb"stream\n(x\xda.*?)\nendstream", data, re.DOTALL)
    ]
    assert b"/StructTreeRoot" in b"".join(streams)
    out = tmp_path / "report.pdf"
    assert write_report(report, out) == out.stat().st_size
    with pytest.raises(Invalid):
        write_report(report, tmp_path / "report.docx")


def test_values_are_escaped(desk: Desk) -> None:
    """A value that looks like a page's code is shown as it is."""
    table = Table("t", "T", {"a": "A"}, [{"a": "<script>alert(1)</script>"}])
    page = render_html(new_report(Sources(desk), "x", "X & Y", [Section("S", tables=[table])]))
    assert "<script>" not in page
    assert "X &amp; Y" in page


def test_unknown_kind(desk: Desk) -> None:
    """Another kind is refused, with those that there are."""
    with pytest.raises(NotFound) as error:
        make_report("gossip", Sources(desk))
    assert "coverage" in error.value.hint


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_commands_exist(desk: Desk, kind: str) -> None:
    """Each command that a figure names exists, with the options it is named with."""
    for section in make_report(kind, Sources(desk)).sections:
        for figure in section.figures:
            words = figure.shown_by.split()
            if not words:
                continue
            command, context = root, click.Context(root)
            for word in words[1:]:
                if isinstance(command, click.Group) and not word.startswith("-"):
                    found = command.get_command(context, word)
                    assert found is not None, figure.shown_by
                    command = found
            options = {name for parameter in command.params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options, figure.shown_by
            assert not isinstance(command, click.Group), figure.shown_by


def test_pdf_loosens_no_picture_rule(desk: Desk) -> None:
    """WeasyPrint lets its process read cut-off pictures; after a PDF a traveller's picture must be whole again."""
    render_pdf(make_report("coverage", Sources(desk)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
