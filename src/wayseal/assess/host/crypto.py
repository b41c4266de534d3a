"""Probe 8: waiting records are sealed with allowed suites, by an OpenSSL that is new enough."""

import re

from cryptography.hazmat.backends.openssl.backend import backend

from wayseal.assess.host.spool import read_spool
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, judge, probe

_VERSION = re.compile(r"(?:OpenSSL|LibreSSL|BoringSSL) (\d+)\.(\d+)\.(\d+)")
Version = tuple[int, ...]


@probe("p08", where="host")
def check_suites(view: HostView) -> Seen:
    """Pass when the spool's records use allowed suites and both OpenSSL libraries, the system's and ours, reach the floor."""
    spool, floor = read_spool(view), tuple(int(part) for part in view.facts.openssl_floor.split("."))
    banner = view.run(["openssl", "version"]).output.decode(errors="replace").strip()
    versions = {"system": banner, "sealing": backend.openssl_version_text()}
    faults = [
        f"records are sealed with suite {suite}" for suite in sorted(spool.suites - set(view.facts.suites))
    ]
    for name, text in versions.items():
        version = parse_version(text)
        if version is None:
            faults.append(f"the {name} library is no known OpenSSL")
        elif version < floor:
            faults.append(
                f"the {name} library is {text.split(' (')[0][:40]}, below {view.facts.openssl_floor}"
            )
    return judge(
        faults,
        f"{spool.records} waiting records use allowed suites; OpenSSL is new enough",
        suites=sorted(spool.suites),
        allowed=list(view.facts.suites),
        records=spool.records,
        libraries=versions,
    )


def parse_version(text: str) -> Version | None:
    """Return the three numbers of an OpenSSL version, or None."""
    match = _VERSION.match(text)
    return None if match is None else tuple(int(part) for part in match.groups())
