"""One site's oversight as an OSCAL package: catalog, profile, component-definitions, plans, results, POA&M, and the evidence.

Owns the layout of the folder and its manifest, which lists the SHA-256 of every file. `oscal_check` verifies it.
"""

import json
import re
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import rfc8785

from wayseal.assess.oscal_parts import Dossier, Json, evidence_path
from wayseal.assess.oscal_plan import make_assessment_plan, make_system_plan
from wayseal.assess.oscal_results import group_runs, make_results
from wayseal.assess.oscal_rules import make_catalog, make_component_definition, make_profile
from wayseal.assess.poam import make_poam
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid

MANIFEST = "package.json"
FORMAT = "wayseal-oscal/v1"
POAM = "plan-of-action-and-milestones.json"
_FILE_NAME = re.compile(r"[^a-z0-9._-]")


def build_documents(dossier: Dossier) -> dict[str, Json]:
    """Return every OSCAL document by its path in the package."""
    documents = {
        "catalog.json": make_catalog(dossier),
        "profile.json": make_profile(dossier),
        "system-security-plan.json": make_system_plan(dossier),
        "assessment-plan.json": make_assessment_plan(dossier),
    }
    for model in sorted({one.model for one in dossier.equipment}):
        documents[f"component-definitions/{file_stem(model)}.json"] = make_component_definition(
            dossier, model
        )
    for (equipment, day), runs in group_runs(dossier).items():
        path = f"assessment-results/{file_stem(equipment)}-{day}.json"
        documents[path] = make_results(dossier, equipment, day, runs)
    plan = make_poam(dossier)
    return documents if plan is None else {**documents, POAM: plan}


def file_stem(name: str) -> str:
    """Return a name as part of a file name; names that had to be changed carry a digest, so that no two meet."""
    safe = _FILE_NAME.sub("-", name.lower()).lstrip(".")
    return safe if safe == name else f"{safe[:40]}-{sha256(name.encode()).hexdigest()[:8]}"


def build_package(dossier: Dossier) -> dict[str, bytes]:
    """Return every file of the package by its path: documents, evidence, and last the manifest."""
    files = {
        path: json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
        for path, document in build_documents(dossier).items()
    }
    for run in dossier.assessments:
        for seen in run.observations:
            files[evidence_path(seen.evidence_sha256)] = seen.evidence
    return add_manifest(files, dossier)


def add_manifest(files: dict[str, bytes], dossier: Dossier) -> dict[str, bytes]:
    """Return the files with a manifest that lists them."""
    manifest: Json = {
        "format": FORMAT, "site": dossier.site, "origin": dossier.origin, "made": to_text(dossier.now),
        "files": {path: sha256(data).hexdigest() for path, data in files.items()},
    }  # fmt: skip
    return {**files, MANIFEST: rfc8785.dumps(manifest)}


def write_package(files: dict[str, bytes], folder: Path) -> None:
    """Write a package to a folder that is not there yet, or is empty: whole or not at all. Raises `Invalid` otherwise."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("the folder is not empty", hint="Give a folder that is not there yet.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, data in files.items():
            target = staging / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        staging.chmod(0o755)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
