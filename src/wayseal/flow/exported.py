"""What the ledger says about exports that wait, and about those who approve: for the gate.

Owns the meaning of those entries, applied in the ledger's order. An entry that says that somebody approved is not believed
(whoever has the centre can write one); it only says that the witnesses have seen the digest of what is shown to the gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wayseal.model.clock import from_text, to_text


@dataclass(slots=True)
class Asked:
    """One export that was asked for and is neither declined nor released. `index` is its entry's."""

    manifest_sha256: str
    index: int
    asked_at: datetime
    expires_at: datetime
    given: set[str] = field(default_factory=set)
    """SHA-256 (hex) of the approvals that the ledger has."""


@dataclass(slots=True)
class ExportBook:
    """The state after reading the ledger up to some entry: exports that wait, appointments by digest, and who is revoked."""

    waiting: dict[str, Asked] = field(default_factory=dict)
    appointed: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    """For good: an id that was revoked is nobody's again."""

    def apply(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take in an entry. Entries come in order, each once; those that do not matter change nothing."""
        match entry["type"]:
            case "export-request":
                at = from_text(entry["time"])
                expires = from_text(entry["expires"]) if "expires" in entry else at
                self.waiting = {key: one for key, one in self.waiting.items() if one.expires_at > at}
                self.waiting[entry["object"]] = Asked(entry["manifest_sha256"], index, at, expires)
            case "export-approve" if entry["object"] in self.waiting and "approval_sha256" in entry:
                self.waiting[entry["object"]].given.add(entry["approval_sha256"])
            case "export-decline" | "export-release":
                self.waiting.pop(entry["object"], None)
            case "approver" if entry["action"] == "appointed" and "appointment_sha256" in entry:
                self.appointed.add(entry["appointment_sha256"])
            case "approver" if entry["action"] == "revoked":
                self.revoked.add(entry["object"])


def encode_book(book: ExportBook) -> dict[str, Any]:
    """Return the state as JSON values; `decode_book` gives it back."""
    return {
        "appointed": sorted(book.appointed),
        "revoked": sorted(book.revoked),
        "waiting": {
            key: {
                "manifest_sha256": one.manifest_sha256, "index": one.index, "asked_at": to_text(one.asked_at),
                "expires_at": to_text(one.expires_at), "given": sorted(one.given),
            }
            for key, one in book.waiting.items()
        },
    }  # fmt: skip


def decode_book(value: Mapping[str, Any]) -> ExportBook:
    """Return the state that `encode_book` wrote. Raises what a wrong shape raises: the caller has verified its maker."""
    waiting = {
        key: Asked(
            one["manifest_sha256"], one["index"], from_text(one["asked_at"]), from_text(one["expires_at"]),
            set(one["given"]),
        )
        for key, one in value["waiting"].items()
    }  # fmt: skip
    return ExportBook(waiting, set(value["appointed"]), set(value["revoked"]))
