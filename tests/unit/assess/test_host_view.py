"""The read-only view of a host: nothing outside its root, nothing endless, nothing that waits."""

import os
import subprocess
from pathlib import Path

import pytest
from hosttree import HostTree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayseal.assess.host.view import run_command
from wayseal.model.errors import Invalid, Unavailable


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    """A host with one file, and a secret beside its root."""
    (tmp_path / "secret").write_text("outside")
    tree = HostTree(tmp_path / "root")
    tree.put("/etc/name", "inside\n")
    return tree


@pytest.mark.parametrize("target", ["/etc/name", "../etc/name", "../../../../etc/name", "/../../etc/name"])
def test_links_stay_inside(tree: HostTree, target: str) -> None:
    """A link means a path of the host, however it is written, and never one of the machine that looks."""
    tree.link("/var/link", target)
    assert tree.view().read_text("/var/link") == "inside"


def test_link_out_is_nothing(tree: HostTree, tmp_path: Path) -> None:
    """A link to a file beside the root leads nowhere."""
    tree.link("/etc/out", str(tmp_path / "secret"))
    tree.link("/etc/up", "../../secret")
    assert tree.view().read_text("/etc/out") is None
    assert tree.view().read_text("/etc/up") is None


@given(parts=st.lists(st.sampled_from(["a", "b", "..", ".", "etc", "name"]), max_size=8), target=st.lists(st.sampled_from(["a", "..", "/", "etc"]), min_size=1, max_size=6))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leaves_the_root(tree: HostTree, parts: list[str], target: list[str]) -> None:
    """Whatever the path and wherever the links in it lead, the place is below the root."""
    tree.link("/a", "/".join(target))
    try:
        place = tree.view().path("/" + "/".join(parts))
    except Invalid:
        return
    assert place.is_relative_to(tree.root)
    assert ".." not in place.parts


def test_loop_is_refused(tree: HostTree) -> None:
    """Links that lead to each other are refused."""
    tree.link("/a", "/b")
    tree.link("/b", "/a")
    with pytest.raises(Invalid, match="too many links"):
        tree.view().read_text("/a")


def test_pipes_are_not_waited_for(tree: HostTree) -> None:
    """A pipe where a file should be is refused at once; nobody would ever write into it."""
    os.mkfifo(tree.root / "pipe")
    with pytest.raises(Invalid, match="not a plain file"):
        tree.view().read_text("/pipe")
    assert tree.view().list_files("/") == ["/etc/name"]


def test_long_file_is_refused(tree: HostTree) -> None:
    """A file beyond the limit is refused, not cut."""
    with pytest.raises(Invalid, match="longer than 3 bytes"):
        tree.view().read_text("/etc/name", limit=3)


def test_missing_is_none(tree: HostTree) -> None:
    """What is not there is None or empty; a folder without end is refused."""
    view = tree.view()
    assert view.read_text("/etc/none") is None
    assert view.read_text("/etc/name/none") is None
    assert view.list_names("/none") == ()
    assert view.list_names("/etc/name") == ()
    with pytest.raises(Invalid, match="more than 0 files"):
        view.list_files("/", most=0)


def test_command_is_run() -> None:
    """A program's exit code and both its outputs come back; it has no input and speaks English."""
    done = run_command(["sh", "-c", "cat; echo out; echo err >&2; echo $LC_ALL; exit 3"])
    assert (done.code, done.output, done.errors) == (3, b"out\nC\n", b"err\n")


def test_missing_program_is_unavailable() -> None:
    """A program that is not installed is named."""
    with pytest.raises(Unavailable, match="the program no-such-tool is not installed"):
        run_command(["no-such-tool"])


def test_endless_output_is_stopped() -> None:
    """A program that writes without end is killed at 1 MiB."""
    with pytest.raises(Unavailable, match="more than 1 MiB"):
        run_command(["yes"])


def test_hanging_program_is_killed(tmp_path: Path) -> None:
    """A program that does not end is killed at its time, and its children with it."""
    pid = tmp_path / "pid"
    with pytest.raises(Unavailable, match="did not end"):
        run_command(
            ["sh", "-c", f"sleep 600 & echo $! > {pid}.new; mv {pid}.new {pid}; wait"], patience_s=0.5
        )
    alive = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid.read_text().strip()], capture_output=True, text=True, check=False
    )
    assert alive.stdout.strip()[:1] in ("", "Z")
