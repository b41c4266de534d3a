"""The documents that say what is asked: catalog, profile, and one component-definition for each model of equipment.

No published control catalogue is copied: a control here is its SP 800-53 number and the objectives that our probes test.
"""

from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.oscal_parts import (
    Dossier,
    Json,
    control_id,
    metadata,
    method,
    objective_id,
    prop,
)
from wayseal.model.oversight import Equipment


def make_catalog(dossier: Dossier) -> Json:
    """Return the catalog: each control that a probe tests, with one objective a probe."""
    families: dict[str, list[Json]] = {}
    for control in _controls(dossier.probes):
        families.setdefault(control[:2].lower(), []).append(_control(dossier, control))
    groups = [
        {"id": family, "class": "family", "title": f"Family {family.upper()}", "controls": controls}
        for family, controls in sorted(families.items())
    ]
    return {
        "catalog": {
            "uuid": dossier.uuid("catalog"),
            "metadata": metadata(dossier, "Controls for camera and edge equipment"),
            "groups": groups,
        }
    }


def _controls(probes: tuple[ProbeSpec, ...]) -> list[str]:
    """Return every control that a probe tests, once, sorted as people expect: AC-3 before AC-20."""
    found = {control for probe in probes for control in probe.controls}
    return sorted(found, key=lambda name: (name[:2], [int(n) for n in control_id(name)[3:].split(".")]))


def _control(dossier: Dossier, control: str) -> Json:
    """Return one control with its statement and its objectives."""
    name = control_id(control)
    tested = [probe for probe in dossier.probes if control in probe.controls]
    objectives = [
        {
            "id": objective_id(control, probe.id),
            "name": "assessment-objective",
            "props": [prop("probe-id", probe.id), prop("method", method(probe))],
            "prose": probe.title,
        }
        for probe in tested
    ]
    statement = {
        "id": f"{name}_smt",
        "name": "statement",
        "prose": "Met while every probe of this control passes, freshly.",
    }
    return {
        "id": name,
        "class": "SP800-53",
        "title": control,
        "props": [prop("label", control)],
        "parts": [statement, *objectives],
    }


def make_profile(dossier: Dossier) -> Json:
    """Return the profile: every control of the catalog, as is."""
    chosen = [control_id(control) for control in _controls(dossier.probes)]
    return {
        "profile": {
            "uuid": dossier.uuid("profile"),
            "metadata": metadata(dossier, "Baseline for equipment at a port"),
            "imports": [{"href": "catalog.json", "include-controls": [{"with-ids": chosen}]}],
            "merge": {"as-is": True},
        }
    }


def make_component_definition(dossier: Dossier, model: str) -> Json:
    """Return the component-definition of one model: which probe tests which control on it."""
    devices = [one for one in dossier.equipment if one.model == model]
    probes = {probe.id: probe for one in devices for probe in dossier.probes_for(one)}
    requirements = [
        {
            "uuid": dossier.uuid("component", model, control, probe.id),
            "control-id": control_id(control),
            "description": probe.title,
            "props": [
                prop("probe-id", probe.id),
                prop("probe-version", probe.version),
                prop("objective-id", objective_id(control, probe.id)),
            ],
        }
        for probe in probes.values()
        for control in probe.controls
    ]
    implementation = {
        "uuid": dossier.uuid("component", model, "implementation"),
        "source": "../profile.json",
        "description": "Each control is met while its probe passes on the device.",
        "implemented-requirements": requirements,
    }
    component = {
        "uuid": dossier.uuid("component", model),
        "type": "hardware",
        "title": model,
        "description": f"Equipment of the model {model}.",
        "props": _model_props(devices),
        "control-implementations": [implementation],
    }
    return {
        "component-definition": {
            "uuid": dossier.uuid("component-definition", model),
            "metadata": metadata(dossier, f"Component definition of {model}"),
            "components": [component],
        }
    }


def _model_props(devices: list[Equipment]) -> list[Json]:
    """Return what kinds of equipment a model is used as, and how many there are."""
    kinds = sorted({one.kind.value for one in devices})
    return [*(prop("equipment-kind", kind) for kind in kinds), prop("devices", len(devices))]
