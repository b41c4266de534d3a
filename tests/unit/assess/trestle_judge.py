"""Run by compliance-trestle's own Python: judge every OSCAL document of a folder and print {path: VALID or why not}."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from trestle.core import validator_factory
from trestle.oscal import assessment_plan, assessment_results, catalog, component, poam, profile, ssp

MODELS = {
    "catalog": catalog, "profile": profile, "component-definition": component, "system-security-plan": ssp,
    "assessment-plan": assessment_plan, "assessment-results": assessment_results,
    "plan-of-action-and-milestones": poam,
}  # fmt: skip


def judge(file: Path) -> str:
    """Return the verdict of the format, and of trestle's validators that need no workspace of its own, on one document."""
    document = json.loads(file.read_bytes())
    (root,) = document
    try:
        model = getattr(MODELS[root].Model.model_validate(document), root.replace("-", "_"))
    except ValueError as error:
        return str(error)[:400]
    for rule in ("catalog", "duplicates", "refs"):
        judge_rule = validator_factory.validator_factory.get(Namespace(mode=rule))
        if not judge_rule.model_is_valid(model, True, file.parent):
            return f"INVALID: {rule}"
    return "VALID"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    files = [file for file in sorted(folder.rglob("*.json")) if file.name != "package.json"]
    sys.stdout.write(json.dumps({str(file.relative_to(folder)): judge(file) for file in files}))
