"""The columns of every list that `--csv` prints: a heading is there also where no row is, so that scripts can rely on it.

Owns the names and their order only. A test runs each command and compares.
"""

from typing import Final

_ENTRY: Final = ("index", "time", "type", "actor", "org", "device", "lane", "object", "more")
_FINDING: Final = (
    "finding", "subject", "probe", "reason", "opened", "closed", "closed_by", "poam", "owner", "due", "overdue", "do",
)  # fmt: skip
_EQUIPMENT: Final = (
    "equipment", "kind", "model", "serial", "organisation", "site", "lane", "device", "passing", "full_due", "daily_due",
    "overdue", "findings", "enrolled", "changed", "retired",
)  # fmt: skip
_VENDOR: Final = (
    "vendor", "tier", "under", "chain", "standing", "since", "ledger_index", "reasons", "people", "equipment", "assessed",
    "due", "findings", "registered",
)  # fmt: skip
_HEALTH: Final = (
    "lane", "day", "vehicles", "occupants_seen", "captured", "captured_rate", "captured_ci95", "matched_rate", "referred_rate",
    "plates_rate", "quality_median", "low_quality_rate", "stranger_score_p95", "slow_rate", "model_sha256",
)  # fmt: skip

HEADINGS: Final[dict[str, tuple[str, ...]]] = {
    "crossing list": (
        "crossing", "encounter", "seat", "traveller", "direction", "lane", "time", "plate", "decision", "reason", "paired_with",
    ),
    "egress media list": ("medium", "serial", "usb_id", "port", "descriptors_sha256", "work_order", "until"),
    "egress guard status": ("device", "since", "until", "reason", "missed"),
    "encounter list": (
        "encounter", "time", "lane", "direction", "plate", "region", "seen", "outcomes", "class", "expires_at", "status",
    ),
    "equipment coverage": ("of", "assessed", "due", "total", "passing", "attention"),
    "equipment due": ("equipment", "cycle", "due", "serial", "organisation", "lane"),
    "equipment findings": _FINDING,
    "equipment lanes": ("lane", "fit", "enforced", "reasons", "told", "since", "opted_out", "sealed", "faces"),
    "equipment list": _EQUIPMENT,
    "export list": (
        "export", "state", "records", "recipient", "approvals", "expires_at", "receipt_due", "overdue"
    ),
    "incident list": ("incident", "status", "reason", "opened", "closed", "subject", "overdue"),
    "lane health": _HEALTH,
    "ledger show": _ENTRY,
    "notice list": ("notice", "lane", "text_sha256", "starts", "ends", "in_force"),
    "ticket list": (
        "ticket", "state", "work_order", "lane", "technician", "organisation", "verbs", "issued_at", "expires_at", "used",
        "refused",
    ),
    "vendor attention": ("what", "of", "due", "overdue"),
    "vendor contract list": (
        "contract", "organisation", "site", "permitted", "place", "starts", "ends", "state", "clauses_sha256", "returned",
        "destroyed",
    ),
    "vendor list": _VENDOR,
    "vendor person list": ("person", "organisation", "role", "training_until", "training_valid", "left"),
    "vendor report": ("index", "time", "why", "type", "actor", "object", "purpose"),
}  # fmt: skip
"""By the words of the command."""
