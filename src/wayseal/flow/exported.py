"""What the ledger says about exports that wait: which records, and which organisations have signed. For the gate.

Owns the meaning of those entries, applied in the ledger's order. With it the keyroom opens nothing for an export that two
organisations have not signed on the ledger, whatever the centre says. Signatures themselves are verified at the centre and by
every recipient; here an approval counts by its entry, which the witnesses have seen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wayseal.model.clock import from_text, to_text


@dataclass(slots=True)
class Asked:
    """One export that was asked for and is neither declined nor released. `given` has one approver an organisation."""

    requester: str
    records: frozenset[str]
    expires_at: datetime
    given: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ExportBook:
    """The state after reading the ledger up to some entry: exports that wait, and approvers with their organisations."""

    waiting: dict[str, Asked] = field(default_factory=dict)
    approvers: dict[str, str] = field(default_factory=dict)

    def apply(self, entry: Mapping[str, Any]) -> None:
        """Take in an entry. Entries come in order, each once; those that do not matter change nothing."""
        match entry["type"]:
            case "export-request":
                expires = from_text(entry["expires"]) if "expires" in entry else from_text(entry["time"])
                self._forget_expired(from_text(entry["time"]))
                self.waiting[entry["object"]] = Asked(entry["actor"], frozenset(entry["records"]), expires)
            case "export-approve":
                self._apply_approval(entry)
            case "export-decline" | "export-release":
                self.waiting.pop(entry["object"], None)
            case "approver" if entry["action"] == "registered" and "org" in entry:
                self.approvers[entry["object"]] = entry["org"]
            case "approver" if entry["action"] == "revoked":
                self.approvers.pop(entry["object"], None)

    def count_approvals(self, record: str, suspended: Collection[str], now: datetime) -> int:
        """Return how many organisations in good standing have signed the export of a record; of several, the most."""
        counts = [
            sum(self.approvers.get(who) == org and org not in suspended for org, who in one.given.items())
            for one in self.waiting.values()
            if record in one.records and now < one.expires_at
        ]
        return max(counts, default=0)

    def _apply_approval(self, entry: Mapping[str, Any]) -> None:
        """Note an organisation's first approval, by somebody registered for it who is not the requester."""
        asked = self.waiting.get(entry["object"])
        who, organisation = entry["actor"], entry.get("org")
        if asked is None or who == asked.requester or self.approvers.get(who) != organisation:
            return
        if who not in asked.given.values():
            asked.given.setdefault(str(organisation), who)

    def _forget_expired(self, now: datetime) -> None:
        self.waiting = {key: one for key, one in self.waiting.items() if one.expires_at > now}


def encode_book(book: ExportBook) -> dict[str, Any]:
    """Return the state as JSON values; `decode_book` gives it back."""
    return {
        "approvers": dict(book.approvers),
        "waiting": {
            key: {
                "requester": one.requester, "records": sorted(one.records), "expires_at": to_text(one.expires_at),
                "given": dict(one.given),
            }
            for key, one in book.waiting.items()
        },
    }  # fmt: skip


def decode_book(value: Mapping[str, Any]) -> ExportBook:
    """Return the state that `encode_book` wrote. Raises what a wrong shape raises: the caller has verified its maker."""
    waiting = {
        key: Asked(
            one["requester"], frozenset(one["records"]), from_text(one["expires_at"]), dict(one["given"])
        )
        for key, one in value["waiting"].items()
    }
    return ExportBook(waiting, dict(value["approvers"]))
