"""Witnesses as processes of their own, and a policy that names them: two of three must agree."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from keyroomparts import RUN

from wayseal.ledger.note import VerifierKey
from wayseal.ledger.witness_setup import create_witness
from wayseal.station.site import Site
from wayseal.station.witnessing import POLICY


@dataclass
class Bench:
    """Three witnesses: their keys by name, and the processes that serve them."""

    folder: Path
    keys: dict[str, tuple[VerifierKey, ...]] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def policy(self) -> str:
        """Return the policy: each witness signs with both its keys, and two of the three are enough."""
        lines, groups = [], []
        for name, keys in self.keys.items():
            url = self.urls.get(name, "")
            lines += [f"witness {name}-{place} {key} {url}".rstrip() for place, key in enumerate(keys)]
            lines.append(f"group {name} all " + " ".join(f"{name}-{place}" for place in range(len(keys))))
            groups.append(name)
        return "\n".join([*lines, f"group two 2 {' '.join(groups)}", "quorum two", ""])

    def serve(self, site: Site, *names: str) -> None:
        """Start witnesses of a site's ledger, and write where they are into its ledger's folder."""
        logs = sorted(site.ledger.folder.glob("log-*.vkey"))
        for name in names:
            command = [sys.executable, "-c", RUN, "witness", "run", "--dir", str(self.folder / name)]
            command += ["--listen", "127.0.0.1:0"]
            for log in logs:
                command += ["--log", log.read_text(encoding="ascii").strip()]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
            assert process.stdout is not None
            self.urls[name] = process.stdout.readline().split()[-1]
            self.running[name] = process
        (site.ledger.folder / POLICY).write_text(self.policy(), encoding="utf-8")

    def stop(self, *names: str) -> None:
        """End witnesses."""
        for name in names:
            process = self.running.pop(name)
            process.terminate()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def make_bench(folder: Path) -> Iterator[Bench]:
    """Give three witnesses that do not run yet, and end those that do afterwards."""
    bench = Bench(folder)
    for name in ("audit", "privacy", "university"):
        bench.keys[name] = tuple(
            create_witness(folder / name, name=f"{name}.example/w", anchor=folder / f"{name}.anchor")
        )
    try:
        yield bench
    finally:
        bench.stop(*list(bench.running))
