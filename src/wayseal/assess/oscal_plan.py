"""The documents that say what is there and when it is looked at: system security plan and assessment-plan of one site."""

from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.oscal_parts import (
    Dossier,
    Json,
    control_id,
    item_subject,
    metadata,
    method,
    prop,
    reviewed_controls,
    tidy,
)
from wayseal.model.oversight import Equipment, Observation, Result

IMPLEMENTED = {Result.PASS: "implemented", Result.NOT_APPLICABLE: "not-applicable"}
_LEVEL = {
    f"security-objective-{part}": "fips-199-high" for part in ("confidentiality", "integrity", "availability")
}


def make_system_plan(dossier: Dossier) -> Json:
    """Return the system security plan of the port: its equipment as inventory, and how each control stands on each."""
    return {
        "system-security-plan": {
            "uuid": dossier.uuid("ssp"),
            "metadata": metadata(dossier, f"System security plan of {dossier.site}"),
            "import-profile": {"href": "profile.json"},
            "system-characteristics": _characteristics(dossier),
            "system-implementation": {
                "users": [_user(dossier, role) for role in ("officer", "technician", "auditor")],
                "components": [_whole(dossier), *(_component(dossier, one) for one in dossier.equipment)],
                "inventory-items": [_item(dossier, one) for one in dossier.equipment],
            },
            "control-implementation": {
                "description": "How each control stands follows from the newest observation of its probes.",
                "implemented-requirements": _requirements(dossier),
            },
        }
    }


def _characteristics(dossier: Dossier) -> Json:
    """Return what the system is."""
    pictures = {
        "title": "Pictures of people in vehicles, plates and templates",
        "description": "Sealed on arrival to keys that die on schedule; no equipment named here can open them.",
        "confidentiality-impact": {"base": "fips-199-high"},
        "integrity-impact": {"base": "fips-199-high"},
        "availability-impact": {"base": "fips-199-moderate"},
    }
    return {
        "system-ids": [{"identifier-type": "http://ietf.org/rfc/rfc4122", "id": dossier.uuid("system")}],
        "system-name": dossier.site,
        "description": "Vehicle-lane biometric entry and exit with custody.",
        "security-sensitivity-level": "high",
        "system-information": {"information-types": [{"uuid": dossier.uuid("information"), **pictures}]},
        "security-impact-level": _LEVEL,
        "status": {"state": "operational"},
        "authorization-boundary": {"description": "The lanes, hosts and network that the inventory lists."},
    }


def _user(dossier: Dossier, role: str) -> Json:
    """Return one kind of user. What each may do is the site's Cedar policy."""
    return {"uuid": dossier.uuid("user", role), "title": role, "props": [prop("role", role)]}


def _whole(dossier: Dossier) -> Json:
    """Return the component that stands for the system itself, which OSCAL demands."""
    return {
        "uuid": dossier.uuid("this-system"),
        "type": "this-system",
        "title": dossier.site,
        "description": "The site as a whole.",
        "status": {"state": "operational"},
    }


def _component(dossier: Dossier, one: Equipment) -> Json:
    """Return the component that one device implements."""
    return {
        "uuid": dossier.uuid("device", one.id),
        "type": "hardware",
        "title": one.id,
        "description": f"{one.kind.value} of the model {one.model}.",
        "props": [
            prop("model", one.model),
            prop("component-definition", dossier.uuid("component", one.model)),
        ],
        "status": {"state": "operational" if one.retired_at is None else "disposition"},
    }


def _item(dossier: Dossier, one: Equipment) -> Json:
    """Return the inventory item of one device."""
    known = {"equipment": one.id, "serial": one.serial, "lane": one.lane, "device-sha256": one.device_sha256}
    return {
        "uuid": dossier.uuid("item", one.id),
        "description": f"{one.kind.value} {one.id} of {one.organisation}",
        "props": [prop(name, value) for name, value in known.items() if value is not None],
        "responsible-parties": [
            {"role-id": "operator", "party-uuids": [dossier.uuid("party", one.organisation)]}
        ],
        "implemented-components": [{"component-uuid": dossier.uuid("device", one.id)}],
    }


def _requirements(dossier: Dossier) -> list[Json]:
    """Return one implemented requirement for each control, with how it stands on each device."""
    newest = {one.id: _newest(dossier, one) for one in dossier.equipment}
    found = []
    for control in sorted({control for probe in dossier.probes for control in probe.controls}):
        tested = [probe for probe in dossier.probes if control in probe.controls]
        parts = [
            _by_component(
                dossier, control, one, [probe for probe in tested if one.kind in probe.kinds], newest
            )
            for one in dossier.equipment
            if any(one.kind in probe.kinds for probe in tested)
        ]
        requirement = {
            "uuid": dossier.uuid("requirement", control), "control-id": control_id(control), "by-components": parts,
        }  # fmt: skip
        found.append(tidy(requirement))
    return found


def _newest(dossier: Dossier, one: Equipment) -> dict[str, Observation]:
    """Return the newest observation of each probe on a device."""
    runs = [run for run in dossier.assessments if run.equipment == one.id]
    ordered = sorted(runs, key=lambda run: run.finished_at)
    return {seen.probe: seen for run in ordered for seen in run.observations}


def _by_component(
    dossier: Dossier,
    control: str,
    one: Equipment,
    probes: list[ProbeSpec],
    newest: dict[str, dict[str, Observation]],
) -> Json:
    """Return how a control stands on one device: `planned` where a probe never ran, `partial` where one failed."""
    seen = [newest[one.id].get(probe.id) for probe in probes]
    if any(part is None for part in seen):
        state = "planned"
    else:
        states = {IMPLEMENTED.get(part.result, "partial") for part in seen if part is not None}
        state = next(word for word in ("partial", "implemented", "not-applicable") if word in states)
    return {
        "uuid": dossier.uuid("requirement", control, one.id),
        "component-uuid": dossier.uuid("device", one.id),
        "description": "By the probes " + ", ".join(probe.id for probe in probes) + ".",
        "implementation-status": {"state": state},
    }


def make_assessment_plan(dossier: Dossier) -> Json:
    """Return the plan: every probe as an activity, and for each device a daily and a full task with their frequency."""
    tasks = [
        task
        for one in dossier.equipment
        if one.retired_at is None and dossier.probes_for(one)
        for task in _tasks(dossier, one)
    ]
    subjects = [item_subject(dossier, one.id) for one in dossier.equipment]
    plan = {
        "uuid": dossier.uuid("plan"),
        "metadata": _plan_metadata(dossier),
        "import-ssp": {"href": "system-security-plan.json"},
        "local-definitions": {"activities": [_activity(dossier, probe) for probe in dossier.probes]},
        "reviewed-controls": reviewed_controls(dossier.probes),
        "assessment-subjects": [{"type": "inventory-item", "include-subjects": subjects}]
        if subjects
        else None,
        "tasks": tasks,
    }
    return {"assessment-plan": tidy(plan)}


def _plan_metadata(dossier: Dossier) -> Json:
    """Return the plan's metadata with how long a nonce is good for, which each run is checked against."""
    about = metadata(dossier, f"Assessment plan of {dossier.site}")
    return {**about, "props": [*about["props"], prop("window-minutes", dossier.window_minutes)]}


def _activity(dossier: Dossier, probe: ProbeSpec) -> Json:
    """Return a probe as an activity."""
    props = [prop("probe-id", probe.id), prop("probe-version", probe.version), prop("cadence", probe.cadence)]
    methods = {"name": "method", "value": method(probe)}
    return {
        "uuid": dossier.uuid("activity", probe.id),
        "title": probe.title,
        "description": probe.advice,
        "props": [methods, *props],
        "related-controls": reviewed_controls([probe]),
    }


def _tasks(dossier: Dossier, one: Equipment) -> list[Json]:
    """Return a device's two tasks: the whole catalogue on its cycle, and the probes that run daily."""
    probes = dossier.probes_for(one)
    daily = tuple(probe for probe in probes if probe.cadence == "daily")
    full = _task(dossier, one, "full", probes, {"period": dossier.full_days, "unit": "days"})
    if not daily:
        return [full]
    return [full, _task(dossier, one, "daily", daily, {"period": dossier.daily_hours, "unit": "hours"})]


def _task(
    dossier: Dossier, one: Equipment, name: str, probes: tuple[ProbeSpec, ...], frequency: Json
) -> Json:
    """Return one recurring task."""
    subjects = [{"type": "inventory-item", "include-subjects": [item_subject(dossier, one.id)]}]
    return {
        "uuid": dossier.uuid("task", one.id, name),
        "type": "action",
        "title": f"{name} assessment of {one.id}",
        "props": [prop("equipment", one.id), prop("assessment-kind", name)],
        "timing": {"at-frequency": frequency},
        "associated-activities": [
            {"activity-uuid": dossier.uuid("activity", probe.id), "subjects": subjects} for probe in probes
        ],
    }
