"""p11 against the centre that lanes really deliver to: strangers get no answer, and its renewed certificates keep their key."""

import hashlib
import json
from pathlib import Path

from carrierparts import enrol_travellers, serve_centre
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from drillparts import make_lane_host
from netparts import Badge

from wayseal.assess.outside.peer import probe_peer
from wayseal.assess.outside.view import OutsideView, Peer
from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen
from wayseal.model.oversight import Result
from wayseal.station.carrier_ca import load_tls_key
from wayseal.station.site import Site


def look(site: Site, service: Endpoint, folder: Path, pin: str) -> Seen:
    """Knock at the centre as three strangers."""
    peer = Peer(service, pin, Badge(folder, "foreign").pair, Badge(folder, "lane1").pair)
    return probe_peer(OutsideView(equipment=make_lane_host(site), clock=site.clock, peer=peer))


def test_real_centre(site: Site, tmp_path: Path) -> None:
    """The centre's own door passes: TLS 1.3, the pinned key, and not a byte for strangers, whatever name they bear."""
    enrol_travellers(site)
    with serve_centre(site) as centre:
        host, port = centre.address.split(":")
        service = Endpoint(host, int(port))
        key = load_tls_key(site.keys.keeper, site.home / "centre" / "carrier", "centre").public_key()
        pin = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        seen = look(site, service, tmp_path, pin)
        assert seen.result is Result.PASS, seen.reason
        states = {one["caller"]: one["state"] for one in json.loads(seen.evidence)["attempts"]}
        assert states["nobody"] == states["a foreign certificate"] == states["a genuine name"] == "alerted"
        assert (
            look(site, service, tmp_path, "00" * 32).reason == "the door's certificate is not the pinned one"
        )
