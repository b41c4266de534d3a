"""Devices on loopback for the outside probes: a GStreamer camera, small servers that behave and that do not, certificates."""

import base64
import hashlib
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
        today = datetime.now(UTC)  # TLS itself goes by it, whatever clock a test has
        end = until or max(NOW, today) + timedelta(days=30)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(NOW, today, end) - timedelta(days=30))
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
        self.sha256 = hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

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


def guarded(
    user: str, password: str, *, scheme: str = "Basic", lock_after: int = 1000, protocol: str = "HTTP/1.1"
) -> Callable[[socket.socket], None]:
    """Return a service with one login that locks after some wrong guesses."""
    wrong = [0]

    def permits(head: str) -> bool:
        if scheme == "Basic":
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            return f"Authorization: Basic {token}\r\n" in head
        fields = dict(re.findall(r'(\w+)="([^"]*)"', head))
        ha1 = hashlib.sha256(f"{user}:cam:{password}".encode()).hexdigest()
        ha2 = hashlib.sha256(f"{head.split(' ', maxsplit=1)[0]}:{fields.get('uri')}".encode()).hexdigest()
        whole = f"{ha1}:{fields.get('nonce')}:00000001:{fields.get('cnonce')}:auth:{ha2}"
        return fields.get("response") == hashlib.sha256(whole.encode()).hexdigest()

    def talk(connection: socket.socket) -> None:
        while data := connection.recv(4096).decode("latin-1"):
            if wrong[0] >= lock_after:
                connection.sendall(f"{protocol} 429 Slow down\r\nContent-Length: 0\r\n\r\n".encode())
            elif "Authorization:" in data and permits(data):
                connection.sendall(f"{protocol} 200 OK\r\nContent-Length: 2\r\n\r\nok".encode())
            else:
                wrong[0] += "Authorization:" in data
                shown = 'Digest realm="cam", nonce="n1", qop="auth", algorithm=SHA-256'
                challenge = 'Basic realm="cam"' if scheme == "Basic" else shown
                connection.sendall(
                    f"{protocol} 401 No\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 3\r\n\r\nno!".encode()
                )

    return talk


Change = Callable[[bytearray], bytes]
_1900 = datetime(1900, 1, 1, tzinfo=UTC)


def keep(packet: bytearray) -> bytes:
    """Send the answer as it is."""
    return bytes(packet)


@contextmanager
def time_server(
    offset: timedelta = timedelta(0), change: Change = keep, clock: Callable[[], datetime] = lambda: NOW
) -> Iterator[Endpoint]:
    """Serve SNTP whose clock is `offset` ahead of the tests' own; `change` may damage the answer."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                question, caller = line.recvfrom(512)
            except OSError:
                return
            if not question:
                return
            shown = clock() + offset - _1900
            seconds, fraction = divmod(int(shown / timedelta(microseconds=1)), 10**6)
            stamp = struct.pack(">II", seconds & 0xFFFFFFFF, (fraction << 32) // 10**6)
            packet = bytearray(bytes([0x24, 1, 6, 0xEC]) + bytes(12) + stamp + question[40:48] + stamp * 2)
            line.sendto(change(packet), caller)

    worker = threading.Thread(target=serve, daemon=True)
    worker.start()
    try:
        yield Endpoint("127.0.0.1", line.getsockname()[1])
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", line.getsockname())
        worker.join(5)
        line.close()
