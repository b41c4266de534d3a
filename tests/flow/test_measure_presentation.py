"""Error rates of the advisory score for pictures, as ISO/IEC 30107-3 defines them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from wayseal.cli.evaluate.presentation import command
from wayseal.flow.measure.presentation import (
    BONA_FIDE,
    Presentation,
    plot_presentations,
    report_presentations,
)
from wayseal.model.errors import Invalid
from wayseal.testing.lane import load_carried, make_scene, render_video

FOUND = [
    *[Presentation(BONA_FIDE, 10.0, flagged=False)] * 38, *[Presentation(BONA_FIDE, 90.0, flagged=True)] * 2,
    *[Presentation(BONA_FIDE)] * 10, *[Presentation("held_print", 90.0, flagged=True)] * 3,
    Presentation("held_print", 20.0), Presentation("held_print"), Presentation("worn_mask"),
]  # fmt: skip


def test_rates_are_of_responses() -> None:
    """Whoever gave no response is counted apart and is in no error rate."""
    report = report_presentations(FOUND)
    real, held = report["bona_fide"], report["attacks"]["held_print"]
    assert (real["presentations"], real["bpnrr"], real["bpcer"]) == (
        50,
        pytest.approx(0.2),
        pytest.approx(0.05),
    )
    assert (held["presentations"], held["apnrr"], held["apcer"]) == (
        5,
        pytest.approx(0.2),
        pytest.approx(0.25),
    )
    low, high = held["apcer_ci95"]
    assert low < 0.25 < high
    assert json.dumps(report, allow_nan=False)


def test_few_are_said_to_be_few() -> None:
    """Below thirty answers nothing is concluded; a type that never got one has no rate."""
    report = report_presentations(FOUND)
    assert not report["bona_fide"]["too_few_to_conclude"]
    assert report["attacks"]["held_print"]["too_few_to_conclude"]
    worn = report["attacks"]["worn_mask"]
    assert (worn["apnrr"], worn["apcer"], worn["apcer_ci95"]) == (1.0, None, None)
    with pytest.raises(Invalid):
        report_presentations([])


def test_plot(tmp_path: Path) -> None:
    """Scores and rates are drawn; a place that cannot be written is refused."""
    plot_presentations(FOUND, tmp_path / "scores.svg")
    assert "held" in (tmp_path / "scores.svg").read_text()
    with pytest.raises(Invalid):
        plot_presentations(FOUND, tmp_path / "nowhere" / "scores.svg")


@pytest.mark.slow
def test_rendered_attack_is_measured(tmp_path: Path) -> None:
    """The command measures a rendered attack: one real person who is not flagged, and one attack."""
    scene = make_scene("attacks", load_carried(), seed=3, seconds=2.35)
    render_video(scene, tmp_path / "attack.mp4")
    done = CliRunner().invoke(command, ["--videos", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["presentations"] == 2
    assert (report["bona_fide"]["bpnrr"], report["bona_fide"]["bpcer"]) == (0.0, 0.0)
    assert set(report["attacks"]) == {str(scene.vehicles[0].distractors[0].thing)}


def test_nobodies_are_counted() -> None:
    """Of faces that nobody wears it is said how many became occupants; attacks are not among them."""
    found = [
        Presentation(BONA_FIDE, 5.0, accepted=True), Presentation("held_print", 80.0, flagged=True, accepted=True),
        Presentation("dog"), Presentation("dog", accepted=True), Presentation("poster"),
    ]  # fmt: skip
    nobodies = report_presentations(found)["nobodies"]
    assert {kind: (one["shown"], one["accepted"]) for kind, one in nobodies.items()} == {
        "dog": (2, 1), "poster": (1, 0),
    }  # fmt: skip
    low, high = nobodies["poster"]["accepted_ci95"]
    assert (low, high) == (0.0, pytest.approx(0.79, abs=0.01))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "size"), [(15, 0.9), (4, 1.3)])
def test_rendered_nobody_is_nobody(tmp_path: Path, seed: int, size: float) -> None:
    """A life-size face on the windshield, and one on a wall beyond a vehicle that crosses, are no occupants; the driver is one."""
    scene = make_scene("nobodies", load_carried(), seed=seed)
    (vehicle,) = scene.vehicles
    larger = replace(vehicle, distractors=(replace(vehicle.distractors[0], size=size),))
    render_video(replace(scene, vehicles=(larger,)), tmp_path / "nobody.mp4")
    done = CliRunner().invoke(command, ["--videos", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["bona_fide"]["presentations"], report["bona_fide"]["bpnrr"]) == (1, 0.0)
    ((_, nobody),) = report["nobodies"].items()
    assert (nobody["shown"], nobody["accepted"]) == (1, 0)
