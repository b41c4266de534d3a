"""Assessing a host from inside: joins the probes of `assess` with the rooms that know plaintext and sealed records.

Owns nothing else. Runs on the lane computer, holds its device key for the one signature, and opens no record.
"""

from pathlib import Path

from wayseal.assess.host.facts import HostFacts
from wayseal.assess.host.survey import survey_host
from wayseal.assess.host.view import HostView, Run, run_command
from wayseal.model.clock import Clock
from wayseal.retention.residue import carve_stream
from wayseal.seal.envelope import read_envelope


def host_view(facts: HostFacts, clock: Clock, *, root: Path = Path("/"), run: Run = run_command) -> HostView:
    """Return the view that the host probes look through: of this machine, or of a tree of files below `root`."""
    return HostView(facts=facts, carve=carve_stream, read_suite=_read_suite, root=root, run=run, clock=clock)


def declare_host(spool: Path, clock: Clock, *, root: Path = Path("/")) -> HostFacts:
    """Return facts of the host that this runs on, as it is now, whose records wait below `spool`."""
    return survey_host(host_view(HostFacts(spool=str(spool)), clock, root=root))


def _read_suite(data: bytes) -> int:
    """Return the suite of a sealed record. Raises `SealBroken` for bytes that are none; needs no key."""
    return read_envelope(data).suite
