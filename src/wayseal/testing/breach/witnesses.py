"""A drill's witnesses: three bodies with keys of their own, each a process, two of whom must agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wayseal.ledger.note import VerifierKey
from wayseal.ledger.witness_setup import create_witness
from wayseal.testing.breach.processes import Process, start_command

NAMES = ("audit", "privacy", "university")


@dataclass
class Bench:
    """The witnesses: their folders, their keys by name, and the processes that serve them."""

    folder: Path
    keys: dict[str, tuple[VerifierKey, ...]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    running: list[Process] = field(default_factory=list)

    @classmethod
    def create(cls, folder: Path) -> "Bench":
        """Make the witnesses' keys."""
        bench = cls(folder)
        for name in NAMES:
            bench.keys[name] = create_witness(
                folder / name, name=f"{name}.example/w", anchor=folder / f"{name}.anchor"
            )
        return bench

    def policy(self) -> str:
        """Return the trust policy (tlog-policy): each signs with both its keys, and two of the three are enough."""
        lines = []
        for name, keys in self.keys.items():
            url = self.urls.get(name, "")
            lines += [f"witness {name}-{place} {key} {url}".rstrip() for place, key in enumerate(keys)]
            lines.append(f"group {name} all " + " ".join(f"{name}-{place}" for place in range(len(keys))))
        return "\n".join([*lines, f"group two 2 {' '.join(self.keys)}", "quorum two", ""])

    def serve(self, ledger: Path, logs: Path, secret: Path, more: Mapping[str, str] | None = None) -> None:
        """Start the witnesses for the ledger whose keys lie in a folder, `more` in their environment; those that run end first."""
        self.stop()
        for name in self.keys:
            words = ["witness", "run", "--dir", str(self.folder / name), "--listen", "127.0.0.1:0"]
            for key in sorted(ledger.glob("log-*.vkey")):
                words += ["--log", key.read_text(encoding="ascii").strip()]
            process = start_command(
                f"witness {name}",
                self.folder,
                *words,
                secret=secret,
                log=logs / f"witness-{name}.log",
                more=more,
            )
            self.running.append(process)
        for name, process in zip(self.keys, self.running, strict=True):
            self.urls[name] = process.hear().split()[-1]

    def stop(self) -> None:
        """End the witnesses."""
        while self.running:
            self.running.pop().end()
