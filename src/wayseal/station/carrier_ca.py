"""The site's own small certificate authority for the carrier: who is the centre, who is which lane, who may join.

Owns the authority's key (wrapped under the centre's keeper, in memory while it signs) and what a certificate says: one
name, `urn:wayseal:<site>:<role>:<name>:<SHA-256 of the sealing key>`. A certificate says who somebody is; whether they
may do anything is the lane register's to say.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wayseal.model.clock import Clock
from wayseal.model.errors import Integrity, Refused
from wayseal.seal.keys import KeyKeeper
from wayseal.seal.keys.durable import make_folder, write_file
from wayseal.seal.keys.secret import load_secret

Role = Literal["authority", "centre", "lane", "join"]
_NAME = re.compile(
    r"urn:wayseal:([0-9a-z]{26}):(centre|lane|join):([a-z0-9][a-z0-9._-]{0,62}):([0-9a-f]{64})"
)
_AUTHORITY_LIFE = timedelta(days=3650)
LIFE = timedelta(days=30)
"""How long the certificate of a centre or lane is good; it is renewed when a third of it is left."""
_SLACK = timedelta(minutes=10)
"""How far two hosts' clocks may be apart."""


@dataclass(frozen=True, slots=True)
class Badge:
    """Whom a certificate names: the site, the role, the lane (or the centre), and SHA-256 (hex) of the key it seals with.

    The badge of somebody who may join has the digest of the certificate's own key there.
    """

    site: str
    role: Role
    name: str
    device: str


def read_badge(certificate: x509.Certificate, *, site: str) -> Badge:
    """Return whom a certificate of the site's authority names. Raises `Refused` for one that names nobody of this site."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        texts = []
    found = _NAME.fullmatch(texts[0]) if len(texts) == 1 else None
    if found is None or found[1] != site.lower():
        raise Refused(
            "a certificate that names nobody of this site", hint="Enrol the lane at this site's centre."
        )
    return Badge(found[1], cast("Role", found[2]), found[3], found[4])


def load_tls_key(keeper: KeyKeeper, folder: Path, name: str) -> Ed25519PrivateKey:
    """Return somebody's TLS key, made now unless it exists. On disk it is wrapped under the keeper; it seals nothing."""
    seed = load_secret(keeper, folder, purpose="carrier-tls", name=name, size=32)
    try:
        return Ed25519PrivateKey.from_private_bytes(seed)
    finally:
        seed[:] = bytes(len(seed))


def needs_renewal(certificate: x509.Certificate, now: datetime) -> bool:
    """Say whether less than a third of a certificate's time is left."""
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < whole / 3


def to_pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM text."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def from_pem(text: str) -> x509.Certificate:
    """Return the certificate that PEM text spells. Raises `Integrity`."""
    try:
        return x509.load_pem_x509_certificate(text.encode("ascii"))
    except ValueError:
        raise Integrity("not a certificate") from None


class SiteAuthority:
    """The authority of one site. It signs for raw Ed25519 keys; the caller has made sure whose they are."""

    def __init__(
        self, key: Ed25519PrivateKey, certificate: x509.Certificate, site: str, clock: Clock
    ) -> None:
        self._key = key
        self.certificate = certificate
        self._site = site.lower()
        self._clock = clock

    @classmethod
    def open(cls, keeper: KeyKeeper, folder: Path, site: str, clock: Clock) -> "SiteAuthority":
        """Open the authority in `folder`, made now unless it is there. Raises `Integrity` for a certificate that is not its own."""
        make_folder(folder)
        seed = load_secret(keeper, folder, purpose="carrier-ca", name="site", size=32)
        try:
            key = Ed25519PrivateKey.from_private_bytes(seed)
        finally:
            seed[:] = bytes(len(seed))
        file = folder / "authority.pem"
        if not file.exists():
            write_file(file, to_pem(_sign_authority(key, site, clock())).encode())
        certificate = from_pem(file.read_text(encoding="ascii"))
        if certificate.public_key() != key.public_key():
            raise Integrity("the carrier's authority certificate is not of this home's key")
        return cls(key, certificate, site, clock)

    def issue(
        self, role: Role, name: str, public: Ed25519PublicKey, device: str, *, life: timedelta = LIFE
    ) -> x509.Certificate:
        """Return a certificate for a TLS key: only for what its role does, and no longer than `life`."""
        now = self._clock()
        use = ExtendedKeyUsageOID.SERVER_AUTH if role == "centre" else ExtendedKeyUsageOID.CLIENT_AUTH
        uri = x509.UniformResourceIdentifier(f"urn:wayseal:{self._site}:{role}:{name}:{device}")
        return (
            _begin(name, public, now, life, issuer=self.certificate.subject)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, None)
        )


def _sign_authority(key: Ed25519PrivateKey, site: str, now: datetime) -> x509.Certificate:
    """Return the authority's certificate of itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"wayseal carrier {site.lower()}")])
    return (
        _begin("", key.public_key(), now, _AUTHORITY_LIFE, issuer=name)
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, None)
    )


def _begin(
    name: str, public: Ed25519PublicKey, now: datetime, life: timedelta, *, issuer: x509.Name
) -> x509.CertificateBuilder:
    """Return what all certificates have: issuer, key, serial number, times and, for people of the site, a name."""
    start = now.replace(microsecond=0) - _SLACK
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _SLACK + life)
    )
    if not name:
        return builder
    return builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
