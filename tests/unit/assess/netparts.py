"""Devices on loopback for the outside probes: a GStreamer camera, small servers that behave and that do not, certificates."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wayseal.assess.outside.wire import Endpoint
from wayseal.model.oversight import Equipment, EquipmentKind

CAMERA_SERVER = Path(__file__).with_name("camera_server.py")
DEBIAN_PYTHON = Path("/usr/bin/python3")
ONLY_TLS13 = "[overrides]\n" + "".join(f"disabled-version = tls1.{minor}\n" for minor in range(3))
NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


class Badge:
    """A certificate with its key, as files, and its digest."""

    def __init__(
        self, folder: Path, name: str, *, issuer: "Badge | None" = None, until: datetime | None = None
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = self if issuer is None else issuer
        end = until or NOW + timedelta(days=30)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=60))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )
        stem = f"{name}-{self.certificate.serial_number:x}"
        self.certificate_file, self.key_file = folder / f"{stem}.crt", folder / f"{stem}.key"
        self.both_file = folder / f"{stem}.pem"
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.certificate_file.write_bytes(pem)
        self.key_file.write_bytes(secret)
        self.both_file.write_bytes(pem + secret)
        self.sha256 = sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    @property
    def pair(self) -> tuple[Path, Path]:
        """The certificate's file and its key's."""
        return self.certificate_file, self.key_file


@contextmanager
def gstreamer_camera(
    folder: Path, *, badge: Badge | None = None, login: tuple[str, str] | None = None, only_tls13: bool = True
) -> Iterator[Endpoint]:
    """Serve a real RTSP stream at /lane; skipped where Debian's GStreamer server is not installed."""
    if not DEBIAN_PYTHON.exists() or not _has_gstreamer():
        pytest.skip("no gir1.2-gst-rtsp-server-1.0 here")
    command = [str(DEBIAN_PYTHON), str(CAMERA_SERVER)]
    command += ["--tls", str(badge.both_file)] if badge else []
    command += ["--login", *login] if login else []
    settings = folder / "gnutls.conf"
    settings.write_text(ONLY_TLS13 if only_tls13 else "", encoding="ascii")
    environment = {**os.environ, "GNUTLS_SYSTEM_PRIORITY_FILE": str(settings)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Endpoint("127.0.0.1", int(process.stdout.readline()))
        finally:
            process.kill()


def _has_gstreamer() -> bool:
    words = "import gi; gi.require_version('GstRtspServer', '1.0')"
    return subprocess.run([str(DEBIAN_PYTHON), "-c", words], capture_output=True, check=False).returncode == 0


@contextmanager
def listen(
    talk: Callable[[socket.socket], Any], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Endpoint]:
    """Serve each connection with `talk`, one after the other, until the block ends. A failed handshake is no failure."""
    listener = socket.create_server((host, 0))
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    if tls is None:
                        talk(connection)
                    else:
                        with tls.wrap_socket(connection, server_side=True) as secured:
                            talk(secured)
                except OSError:
                    continue

    worker = threading.Thread(target=serve, daemon=True)
    worker.start()
    try:
        yield Endpoint(host, listener.getsockname()[1])
    finally:
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        worker.join(10)


def answer(data: bytes) -> Callable[[socket.socket], None]:
    """Return a talk that reads a request and sends `data`."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return talk


def hang(connection: socket.socket) -> None:
    """Take what comes and never say a word, until the other side goes."""
    while connection.recv(4096):
        pass


def closed_endpoint() -> Endpoint:
    """Return an endpoint at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Endpoint("127.0.0.1", listener.getsockname()[1])


def server_tls(badge: Badge, *, only_tls13: bool = True, clients: Badge | None = None) -> ssl.SSLContext:
    """Return a server's TLS settings; with `clients`, callers must show a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(badge.certificate_file, badge.key_file)
    if only_tls13:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if clients is not None:
        context.load_verify_locations(clients.certificate_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_equipment(kind: EquipmentKind = EquipmentKind.LANE_HOST, **changes: Any) -> Equipment:
    """A device of the vendor `opteq` at the site `port`."""
    facts: dict[str, Any] = {
        "id": "lane1-host", "kind": kind, "model": "lane-computer-2", "serial": "sn-0001", "organisation": "opteq",
        "site": "port", "lane": "lane1", "device_sha256": None, "enrolled_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    return Equipment(**{**facts, **changes})


def has_tool(name: str) -> bool:
    """Say whether a Debian tool is installed."""
    return shutil.which(name) is not None
