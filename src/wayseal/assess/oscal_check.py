"""Whether an OSCAL package holds together: what a validator of the format alone does not ask.

A format validator lets a finding point at an observation that does not exist. Here every rule below is checked over the whole
package, and everything that is wrong is named. The rules:

1. The manifest lists every file with its digest; there is no other file, and no link.
2. Each document is strict JSON of one known kind; there is one catalog, profile, system security plan and assessment-plan.
3. UUIDs are of version 4 or 5, and no two things share one, except for a thing's exact copy in another document.
4. Each reference by UUID names a thing of the kind that it must be.
5. Each control and objective that is named is in the catalog.
6. Each link leads to a file of the package, or to a resource of its own document.
7. Each observation has its evidence: a resource, with the digest, of a file with that digest; no evidence lies about unused.
8. Nothing was collected outside its run, no run took longer than its nonce is good for, none ended after the package was made.
9. A satisfied finding has observations, all of which passed; each failure or error has its unsatisfied finding.
10. A run answers each probe that the plan has for the device (all of them, or the daily ones) exactly once.
11. No nonce serves two runs, and each observation carries its run's.
12. What a device's newest runs failed has an open item in the POA&M; each item has an owner, a due date and a risk.

The caller must check where the manifest comes from: its digest (`Package.manifest_sha256`) is on the ledger of the site.
"""

from pathlib import Path

from wayseal.assess.oscal_links import check_controls, check_hrefs, check_references
from wayseal.assess.oscal_package import Fault, Package, read_package
from wayseal.assess.oscal_runs import (
    check_coverage,
    check_evidence,
    check_findings,
    check_items,
    check_nonces,
    check_times,
)
from wayseal.model.errors import Integrity

_RULES = (
    check_references, check_controls, check_hrefs, check_evidence, check_times, check_findings, check_coverage,
    check_nonces, check_items,
)  # fmt: skip


def check_package(folder: Path) -> tuple[Package, tuple[Fault, ...]]:
    """Return the package and everything that is wrong with it, in the order of the rules.

    Raises `Integrity` where there is no package to speak of.
    """
    package, faults = read_package(folder)
    for rule in _RULES:
        faults += rule(package)
    return package, tuple(sorted(faults, key=lambda fault: fault.rule))


def verify_package(folder: Path) -> Package:
    """Return the package when every rule holds. Raises `Integrity` that names the first fault and counts them."""
    package, faults = check_package(folder)
    if faults:
        first = faults[0]
        raise Integrity(
            f"the package does not hold together: {first.what}",
            rule=first.rule, document=first.document, faults=len(faults),
        )  # fmt: skip
    return package
