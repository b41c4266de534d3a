"""The port of a drill: a real site, with its keyroom, centre, witnesses and a lane computer as processes of their own.

Owns what is there before anybody attacks, and puts it up in the order in which a port does. It holds the passphrases that the
port's people hold; the thief's rooms take only what they say they take.
"""

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from wayseal.flow.sitedocs import DocumentKind
from wayseal.ledger.checkpoint import log_keys
from wayseal.model.border import Direction
from wayseal.model.clock import utc_now
from wayseal.model.errors import NotFound, Unavailable
from wayseal.model.ids import EncounterId, RecordId
from wayseal.seal.keys import SigningIdentity
from wayseal.station.centre_run import invite_lane
from wayseal.station.documents import add_document
from wayseal.station.lane_home import join_lane
from wayseal.station.site import Site, open_site
from wayseal.station.witnessing import write_policy
from wayseal.store.encounters import get_encounter
from wayseal.store.engine import read
from wayseal.testing.breach.bulk import fill_lane
from wayseal.testing.breach.cast import Cast
from wayseal.testing.breach.founding import found_site, write_secret
from wayseal.testing.breach.loot import Loot, Tried
from wayseal.testing.breach.processes import Process, inject, start_command
from wayseal.testing.breach.scale import BULK_LANE, GALLERY, LANE, SHORT, Scale, Seams
from wayseal.testing.breach.wire import WireTap
from wayseal.testing.breach.witnesses import Bench

Tell = Callable[[str], None]
_WAIT_S = 120.0
_FIRST_CAST = 2018
_LANE = (sys.executable, "-m", "wayseal.testing.breach.lane_child")
SCHEMATIC = b"WIRING OF LANE 1: camera bus A, illuminator relay 7, loop detector 3, spare fibre to the technician's rack.\n"
CONTRACT = b"CONTRACT 2018-11: the subcontractor maintains the cameras of lane 1 and takes no picture away.\n"


@dataclass
class Stage:
    """What stands when the first act begins."""

    folder: Path
    scale: Scale
    tell: Tell
    site: Site
    bench: Bench
    tap: WireTap
    began: datetime
    secrets: dict[str, Path]
    supervisor: SigningIdentity = field(
        default_factory=lambda: SigningIdentity("supervisor", secrets.token_bytes(32))
    )
    """Who signs shifts (`shifts`): with a key that lies at no computer of the port."""
    signers: dict[str, SigningIdentity] = field(default_factory=dict)
    """Who signs that somebody comes back (`returning`), by staff id."""
    seams: Seams = field(default_factory=Seams)
    running: dict[str, Process] = field(default_factory=dict)
    sealed: list[RecordId] = field(default_factory=list)
    """Faces of the lane's vehicles, oldest first, without canaries."""
    watched: list[RecordId] = field(default_factory=list)
    """Those of them that passed while somebody with root was at the lane."""
    watched_cast: Cast = field(default_factory=lambda: Cast(0))
    old: list[RecordId] = field(default_factory=list)
    """Plates whose date is past."""
    kept: list[RecordId] = field(default_factory=list)
    """Plates as old as those, which somebody kept for longer in time: they live on, also in the backup."""
    plates: list[str] = field(default_factory=list)
    """What stood on the plates of the lane's vehicles: what must not be found anywhere."""
    cast: Cast = field(default_factory=lambda: Cast(0))
    documents: list[str] = field(default_factory=list)
    stolen: dict[str, Path] = field(default_factory=dict)
    """Folders that were carried away, by what they are."""
    loot: dict[str, Loot] = field(default_factory=dict)
    tried: dict[str, Tried] = field(default_factory=dict)
    _passed: int = 0
    _casts: int = 0

    @property
    def home(self) -> Path:
        """The centre's home."""
        return self.folder / "centre"

    @property
    def lane_home(self) -> Path:
        """The lane computer's home."""
        return self.folder / "lane1"

    @property
    def thief(self) -> Path:
        """What the subcontractor and the thief carry away."""
        return self.folder / "thief"

    @property
    def backup(self) -> Path:
        """What the port's own backup holds, from before the old hour was erased."""
        return self.folder / "backup"

    def start_witnesses(self, code: str | None = None) -> None:
        """Start the witnesses' processes, or start them anew, and tell the site where they are."""
        ledger, signer = self.site.ledger, self.site.keys.log_signer
        self.bench.serve(
            ledger.folder, self.folder / "logs", self.secrets["centre"], self._more("witness", code)
        )
        write_policy(ledger, log_keys(ledger.origin, signer), self.bench.policy())

    def start_keyroom(self, code: str | None = None) -> None:
        """Start the keyroom's process, or start it anew."""
        self._start("keyroom", self.home, "keyroom", "run", "--json", code=code)
        self.running["keyroom"].hear_json()

    def start_centre(self) -> None:
        """Start the centre's process and let the tap forward to it."""
        words = ("centre", "run", "--listen", "127.0.0.1:0", "--gallery", GALLERY, "--json")
        self._start("centre", self.home, *words)
        self.tap.target = self.running["centre"].hear_json()["listening"]
        self.running["centre"].mute()

    def start_lane(self, code: str | None = None) -> None:
        """Start the lane computer's process, or start it anew with what somebody put before its own code."""
        self._stop("lane")
        more = self._more("lane", code)
        self._casts += 1
        self.cast, self._passed = Cast(_FIRST_CAST + self._casts, self.scale.occupants), 0
        command = [*_LANE, str(self.lane_home), str(self.cast.seed), str(self.scale.occupants)]
        self.running["lane"] = Process(
            "lane", command, self._log("lane"), secret=self.secrets["lane"], more=more
        )
        self.running["lane"].hear_json()

    def drive(self, vehicles: int) -> list[RecordId]:
        """Let vehicles pass the lane; return the records of their faces once the centre has taken all of them in."""
        lane, faces, encounters = self.running["lane"], list[RecordId](), list[str]()
        self.plates += [self.cast.plate(self._passed + number + 1) for number in range(vehicles)]
        self._passed += vehicles
        lane.tell(str(vehicles))
        for _ in range(vehicles):
            line = lane.hear_json()
            encounters.append(line["encounter"])
            faces += [RecordId(one["record"]) for one in line["occupants"]]
        self.wait_for(self._has_answered(encounters), "answers")
        return faces

    def _has_answered(self, encounters: Sequence[str]) -> Callable[[], bool]:
        def check() -> bool:
            with read(self.site.store.engine) as connection:
                try:
                    rows = [get_encounter(connection, EncounterId(one)) for one in encounters]
                except NotFound:
                    return False
            return all(row.document is not None for row in rows)

        return check

    def end_lane(self) -> None:
        """Stop the lane's process; what it has not delivered stays in its outbox."""
        self._stop("lane")

    def wait_for(self, done: Callable[[], bool], what: str) -> None:
        """Wait until something is so. Raises `Unavailable` after two minutes."""
        end = time.monotonic() + _WAIT_S
        while not done():
            if time.monotonic() > end:
                raise Unavailable(f"the drill waited too long for {what}")
            time.sleep(0.05)

    def close(self) -> None:
        """End every process and close the site."""
        self.site.close()
        for name in ("lane", "centre", "keyroom"):
            self._stop(name)
        self.bench.stop()
        self.tap.close()

    def _start(self, name: str, home: Path, *words: str, code: str | None = None) -> None:
        self._stop(name)
        self.running[name] = start_command(
            name,
            home,
            *words,
            secret=self.secrets["centre"],
            log=self._log(name),
            more=self._more(name, code),
        )

    def _stop(self, name: str) -> None:
        process = self.running.pop(name, None)
        if process is not None:
            process.end(patient=name == "lane")

    def _more(self, name: str, code: str | None) -> dict[str, str]:
        code = "\n".join(part for part in (self.seams.code.get(name), code) if part)
        return {} if not code else inject(self.folder / f"before-{name}-{secrets.token_hex(3)}", code)

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


@contextmanager
def open_stage(
    folder: Path,
    scale: Scale = SHORT,
    *,
    tell: Tell = lambda _: None,
) -> Iterator[Stage]:
    """Give a port that stands and has worked for a while, in an empty folder; end its processes afterwards."""
    for name in ("logs", "thief"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    words = {name: write_secret(folder / f"{name}.passphrase") for name in ("centre", "keyroom", "lane")}
    bench, began = Bench.create(folder / "witnesses"), utc_now()
    tell("a site, and vehicles of 14 hours ago")
    old, kept = found_site(folder, scale, bench, words, began)
    site = open_site(folder / "centre", words["centre"].read_bytes())
    tap = WireTap(folder / "thief" / "wire")
    stage = Stage(folder, scale, tell, site, bench, tap, began, words, old=old, kept=kept)
    try:
        _put_up(stage)
        yield stage
    finally:
        stage.close()


def _put_up(stage: Stage) -> None:
    """Start everything, enrol the lane, let vehicles pass, and keep the site's documents."""
    site, tell = stage.site, stage.tell
    tell("witnesses, keyroom, centre and a lane computer, each a process of its own")
    stage.start_witnesses()
    stage.start_keyroom()
    for name, kind, text in (
        ("lane1.svg", DocumentKind.SCHEMATIC, SCHEMATIC),
        ("2018.txt", DocumentKind.CONTRACT, CONTRACT),
    ):
        file = stage.folder / name
        file.write_bytes(text)
        row = add_document(site, file, kind, site.principal("security-1", "security_officer"))
        stage.documents.append(str(row["document"]))
        file.unlink()
    stage.start_centre()
    invitation = invite_lane(site, LANE, direction=Direction.ENTRY, address=stage.tap.address)
    join_lane(stage.lane_home, invitation, stage.secrets["lane"].read_bytes())
    stage.start_lane()
    tell(f"{stage.scale.live} vehicles pass")
    stage.sealed = stage.drive(stage.scale.live)
    if stage.scale.bulk:
        tell(f"{stage.scale.bulk:,} pictures more, sealed by the lane's code")
        fill_lane(
            site,
            BULK_LANE,
            stage.scale.bulk // (stage.scale.occupants + 1),
            stage.scale.occupants,
            utc_now,
            tell=tell,
        )
