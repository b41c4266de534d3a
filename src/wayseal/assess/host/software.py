"""Probes 17 and 18: what runs is in a signed bill of materials, and no known-exploited hole has been open too long.

Bill: CycloneDX JSON. Feed: `{"date": TIME, "vulnerabilities": [{"id", "package", "fixed", "since"}]}`, made by whoever watches
for the site, so that nothing here needs a network. Both have detached Ed25519 signatures of declared signers.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from wayseal.assess.host.processes import list_processes
from wayseal.assess.host.signed import read_signed
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, failed, judge, probe
from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid

BILL_AGE: Final = timedelta(days=30)
FEED_AGE: Final = timedelta(days=7)
OPEN_AGE: Final = timedelta(days=14)
_AHEAD: Final = timedelta(days=1)


@probe("p17", where="host")
def check_programs(view: HostView) -> Seen:
    """Pass when the bill is signed, at most 30 days old, and has the digest of every running executable."""
    data, unsigned = read_signed(view, view.facts.sbom)
    if data is None:
        return failed(f"{unsigned}: no bill of materials")
    faults = [unsigned] if unsigned else []
    bill = _parse(data)
    known = set(_hashes(bill.get("components")))
    faults += _check_age("the bill of materials", bill.get("metadata", {}).get("timestamp"), BILL_AGE, view)
    running = _digest_programs(view)
    strangers = sorted(name for name, digest in running.items() if digest not in known)
    if strangers:
        faults.append(f"{len(strangers)} running programs are not in the bill ({', '.join(strangers[:3])})")
    if not running:
        faults.append("no running program could be seen")
    facts = {"components": len(known), "programs": running, "strangers": strangers}
    return judge(faults, f"all {len(running)} running programs are in the signed bill", **facts)


def _parse(data: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else, which then fails for want of a date."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _hashes(components: Any) -> Iterator[str]:
    """Yield the SHA-256 digests of CycloneDX components and of those inside them."""
    for component in components if isinstance(components, list) else ():
        if isinstance(component, dict):
            for entry in component.get("hashes") or ():
                if isinstance(entry, dict) and entry.get("alg") == "SHA-256":
                    yield str(entry.get("content")).lower()
            yield from _hashes(component.get("components"))


def _check_age(what: str, text: Any, limit: timedelta, view: HostView) -> list[str]:
    """Return what is wrong with a date: none, too old, or in the future."""
    try:
        moment: datetime = from_text(text if isinstance(text, str) else "")
    except Invalid:
        return [f"{what} has no date"]
    age = view.clock() - moment
    if age > limit:
        return [f"{what} is {age.days} days old, over {limit.days}"]
    return [f"{what} is from the future"] if age < -_AHEAD else []


def _digest_programs(view: HostView) -> dict[str, str]:
    """Return the digest of each executable that a process runs, by its path; kernel threads have none."""
    programs, digests = dict[str, str](), dict[tuple[int, int], str]()
    for process in list_processes(view):
        link = view.root / f"proc/{process.pid}/exe"
        try:
            name = str(link.readlink())
            path = view.path(f"/proc/{process.pid}/exe")
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            if key not in digests:
                digests[key] = view.digest(f"/proc/{process.pid}/exe")
            programs[name] = digests[key]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return programs


@probe("p18", where="host")
def check_holes(view: HostView) -> Seen:
    """Pass when the feed is signed, at most 7 days old, and names no installed package that is open for over 14 days."""
    data, unsigned = read_signed(view, view.facts.feed)
    if data is None:
        return failed(f"{unsigned}: no vulnerability feed")
    faults = [unsigned] if unsigned else []
    feed = _parse(data)
    faults += _check_age("the vulnerability feed", feed.get("date"), FEED_AGE, view)
    installed, late = _installed_packages(view), list[str]()
    entries = feed.get("vulnerabilities")
    for entry in entries if isinstance(entries, list) else ():
        if _is_open(view, entry, installed) and view.clock() - from_text(entry["since"]) > OPEN_AGE:
            late.append(f"{entry['id']} in {entry['package']}")
    if late:
        faults.append(f"{len(late)} known-exploited holes open for over 14 days ({', '.join(late[:3])})")
    if not installed:
        faults.append("the list of installed packages is not there")
    facts = {"feed_date": str(feed.get("date")), "packages": len(installed), "open": late[:100]}
    return judge(faults, f"no known-exploited hole is open too long in {len(installed)} packages", **facts)


def _installed_packages(view: HostView) -> dict[str, str]:
    """Return the installed Debian packages with their versions, as dpkg keeps them."""
    packages = dict[str, str]()
    for block in (view.read_text("/var/lib/dpkg/status", limit=64 * 2**20) or "").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed") and "Package" in fields and "Version" in fields:
            packages[fields["Package"]] = fields["Version"]
    return packages


def _is_open(view: HostView, entry: Mapping[str, Any], installed: Mapping[str, str]) -> bool:
    """Say whether the installed version of a package is before the fixed one, by dpkg's own comparison."""
    version = installed.get(entry["package"])
    if version is None:
        return False
    return view.run(["dpkg", "--compare-versions", version, "lt", entry["fixed"]]).code == 0
