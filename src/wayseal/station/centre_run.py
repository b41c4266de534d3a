"""The centre as a process: lanes on other hosts deliver, the matcher answers, and nothing that it says goes back to a lane.

Owns the order of starting and stopping, and the thread that answers. An encounter is durable before its lane gets a receipt;
it is answered afterwards, and after a crash from what is stored.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wayseal.flow.identify import LiveSearch, list_unanswered
from wayseal.model.border import Direction
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, Unavailable, WaysealError
from wayseal.model.ids import EncounterId, check_name
from wayseal.seal.suite import sha256
from wayseal.station.arming import list_unfit, unfit_code
from wayseal.station.assemble import search_policy
from wayseal.station.carrier_ca import SiteAuthority, to_pem
from wayseal.station.carrier_desk import CentreDesk
from wayseal.station.carrier_link import parse_address
from wayseal.station.carrier_register import LaneRegister
from wayseal.station.centre_server import CentreServer, TlsFace
from wayseal.station.join_file import JoinFile, LaneFacts, encode_join_file
from wayseal.station.matcher import Matcher, open_matcher
from wayseal.station.onehost import OnEncounter, RunSummary
from wayseal.station.site import Site
from wayseal.store.encounters import get_encounter
from wayseal.store.engine import read

_RETRY_S = 60.0
Warn = Callable[[str], None]


def open_register(site: Site) -> LaneRegister:
    """Return the lanes on other hosts that this site knows."""
    return LaneRegister(site.home / "centre" / "lanes", site.ledger, site.clock)


def open_authority(site: Site) -> SiteAuthority:
    """Return the site's own authority for the carrier."""
    return SiteAuthority.open(site.keys.keeper, site.home / "centre" / "carrier", site.facts.id, site.clock)


def invite_lane(site: Site, lane: str, *, direction: Direction | None, address: str) -> bytes:
    """Return a join file for a new lane, or for a lane's new computer. It is a secret: it lets its holder be that lane, once."""
    settings = site.settings.lane(check_name(lane, what="lane id"))
    way = direction or settings.direction
    host, port = parse_address(address)
    until = site.clock() + timedelta(hours=site.settings.carrier.join_hours)
    authority, ticket = open_authority(site), Ed25519PrivateKey.generate()
    digest = sha256(ticket.public_key().public_bytes_raw()).hex()
    life = timedelta(hours=site.settings.carrier.join_hours)
    certificate = authority.issue("join", lane, ticket.public_key(), digest, life=life)
    open_register(site).invite(lane, way, digest, until)
    facts = LaneFacts(
        site=site.facts.id,
        lane=lane,
        direction=way,
        centre=f"{host}:{port}",
        centre_public=site.keys.identity.public.hex(),
        authority=to_pem(authority.certificate),
        charters=tuple(data.hex() for data in site.charters.chain()),
        fingerprint=site.charters.first_fingerprint,
    )
    key = ticket.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()
    return encode_join_file(
        JoinFile(facts, _lane_settings(site, lane, way), to_pem(certificate), key, to_text(until))
    )


def _lane_settings(site: Site, lane: str, direction: Direction) -> str:
    """Return the `wayseal.toml` of a lane's own home: what of the site's settings a lane needs."""
    settings = site.settings
    camera = settings.lane(lane).camera
    numbers = {"focal_px": camera.focal_px, "exposure_ms": camera.exposure_ms}
    lines = [
        f'site = "{settings.site}"', f'organisation = "{settings.organisation}"', "",
        "[match]", f'model = "{settings.match.model}"', "",
        "[retention]", f'default_class = "{settings.retention.default_class}"', "",
        "[keyroom]", f"canary_one_in = {settings.keyroom.canary_one_in}", "",
        "[carrier]", f"poll_seconds = {settings.carrier.poll_seconds}", "",
        f'[lanes."{lane}"]', f'direction = "{direction.value}"', f"faces = {str(settings.lane(lane).faces).lower()}", "",
        f'[lanes."{lane}".camera]', f'steering = "{camera.steering}"',
        *(f"{name} = {value}" for name, value in numbers.items() if value is not None), "",
    ]  # fmt: skip
    return "\n".join(lines)


class Answers:
    """The thread that answers what lanes deliver, each lane by the gallery that its settings name, else by the default one."""

    def __init__(self, site: Site, gallery: str | None, on_encounter: OnEncounter, warn: Warn) -> None:
        self._site = site
        self._gallery = gallery
        self._on_encounter = on_encounter
        self._warn = warn
        self._received: queue.Queue[tuple[EncounterId, str] | None] = queue.Queue()
        self._matchers: dict[str, Matcher] = {}
        self._given_up: set[EncounterId] = set()
        self._thread = threading.Thread(target=self._work, name="wayseal-answers", daemon=True)
        self.summary = RunSummary()

    def take(self, encounter: EncounterId, lane: str) -> None:
        """Hear of a vehicle that was taken in."""
        self._received.put((encounter, lane))

    def start(self) -> None:
        """Begin, with what an earlier run left."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what came in until now, and end."""
        self._received.put(None)
        self._thread.join()

    def _work(self) -> None:
        self._answer_left()
        while True:
            try:
                item = self._received.get(timeout=_RETRY_S)
            except queue.Empty:
                self._answer_left()
                continue
            if item is None:
                return
            self._answer(*item)

    def _answer_left(self) -> None:
        """Answer what lanes on other hosts delivered and nobody answered; lanes of this host finish their own."""
        remote = {one.lane for one in open_register(self._site).entries()}
        for row in list_unanswered(self._site.store):
            if row.lane in remote:
                self._answer(row.id, row.lane)

    def _answer(self, encounter: EncounterId, lane: str) -> None:
        """Answer one vehicle unless it is answered; a problem is told, and tried again later; a fault of ours once a run."""
        try:
            with read(self._site.store.engine) as connection:
                row = get_encounter(connection, encounter)
            if row.document is not None or encounter in self._given_up:
                return
            answered = self._matcher(lane).settle(encounter, lane)
        except (WaysealError, OSError) as error:
            self._warn(f"lane {lane}: a vehicle is not answered yet: {error}")
            return
        except Exception as error:  # noqa: BLE001 - one vehicle stops no other; its words may hold what the lane sealed
            self._given_up.add(encounter)
            self._warn(f"lane {lane}: a vehicle is not answered in this run: {type(error).__name__}")
            return
        if answered is None:
            self._given_up.add(encounter)
            self.summary.too_late += 1
            return
        if answered.canary:
            return
        self.summary.count(answered)
        self._on_encounter(answered)

    def _matcher(self, lane: str) -> Matcher:
        """Return the matcher over a lane's gallery."""
        name = self._site.settings.lane(lane).gallery or self._gallery
        if name is None:
            raise Invalid(
                "no gallery is named for this lane", hint="Use --gallery NAME or set it in wayseal.toml."
            )
        if name not in self._matchers:
            searcher = LiveSearch(self._site.gallery(name), search_policy(self._site.settings.match.fpir))
            self._matchers[name] = open_matcher(self._site, searcher)
        return self._matchers[name]


@contextmanager
def open_centre_server(
    site: Site, address: str, *, gallery: str | None, on_encounter: OnEncounter, warn: Warn
) -> Iterator[tuple[CentreServer, Answers]]:
    """Give a centre that listens and answers; stop both afterwards. Raises `Unavailable` when the address is taken.

    `on_encounter` and `warn` are called by the threads that serve, so they must not wait for anybody.
    """
    answers = Answers(site, gallery, on_encounter, warn)
    authority = open_authority(site)
    desk = CentreDesk(
        site=site,
        authority=authority,
        register=open_register(site),
        unfit=lambda lane: unfit_code(site, lane),
        refused=lambda: list_unfit(site),
        on_received=answers.take,
    )
    device = sha256(site.keys.identity.public).hex()
    folder = site.home / "centre" / "carrier"
    face = TlsFace.open(authority, site.keys.keeper, folder, device, site.clock)
    try:
        server = CentreServer(parse_address(address), desk, face, site.facts.id, warn)
    except (OSError, socket.gaierror) as error:
        raise Unavailable(
            f"cannot listen at {address}: {error.strerror}",
            hint="Choose another with --listen; port 0 takes a free one.",
        ) from None
    answers.start()
    try:
        yield server, answers
    finally:
        server.server_close()
        answers.stop()
