"""A certificate authority of the tests' own: certificates for a Redis on this machine, and for its clients."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs what its folder holds."""

    def __init__(self, folder: Path, name: str = "tests") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._builder(self._name, self._key, since=-60, days=30)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = {
            "digital_signature": True,
            "key_cert_sign": True,
            "crl_sign": True,
            "content_commitment": False,
            "key_encipherment": False,
            "data_encipherment": False,
            "key_agreement": False,
            "encipher_only": False,
            "decipher_only": False,
        }
        own = own.add_extension(x509.KeyUsage(**usage), critical=True)
        self.file = folder / f"{name}-ca.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, host: str | None = None, since: int = -60, days: int = 30) -> Certificate:
        """A certificate for a client, for the server `host`, or by default for this machine's loopback.

        It is valid from `since` to `days`, counted from today.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        alternative: list[x509.GeneralName] = (
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            if host is None
            else [x509.DNSName(host)]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, since=since, days=days)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        made = Certificate(cert=self._folder / f"{name}.pem", key=self._folder / f"{name}.key")
        made.cert.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, since: int, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(authority, critical=False)
        )
