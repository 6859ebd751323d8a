"""A self-signed certificate for 127.0.0.1 and localhost: made for these tests, good for nothing else."""

from __future__ import annotations

import ssl
from pathlib import Path
from textwrap import wrap

_KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgK4HvC79QEWWaABUK4nBV3hmRkkk6T+YB1XoSW1VVymGhRANCAASH"
    "MUmAYsmQuKu7/mcB9RGqSmfAa93q0ZqlZlc97SUc3zQIUMS1dvfSbY0A5zrldZnnZmDfsb2Bs1WG93TSkFA3"
)

_CERTIFICATE = (
    "MIIBsDCCAVegAwIBAgIUK6kB8p2lId+IHNsPf2xzQSgYOkIwCgYIKoZIzj0EAwIwHzEdMBsGA1UEAwwUTWFpbHJvb20gdGVzdCBz"
    "ZXJ2ZXIwIBcNMjYxMTIzMDkyMzE0WhgPMjEyNjEwMzAwOTIzMTRaMB8xHTAbBgNVBAMMFE1haWxyb29tIHRlc3Qgc2VydmVyMFkw"
    "EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhzFJgGLJkLiru/5nAfURqkpnwGvd6tGapWZXPe0lHN80CFDEtXb30m2NAOc65XWZ52Zg"
    "37G9gbNVhvd00pBQN6NvMG0wHQYDVR0OBBYEFHb/8Le206IhkJwmUWZHmoGlGlWTMB8GA1UdIwQYMBaAFHb/8Le206IhkJwmUWZH"
    "moGlGlWTMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDC5jbvO"
    "UOQGfwqGLzsP2EsjG49OQnOT7EwTJx/QKjWLAiBx0ITXh27+1tm4lKhpEJb8xWL1Y73CWzr3+tDJU4Kfcw=="
)


def write_certificate(directory: Path) -> Path:
    """Write the certificate to a file, for SSL_CERT_FILE, and return its name."""
    path = directory / "certificate.pem"
    path.write_text(_pem("CERTIFICATE", _CERTIFICATE))
    return path


def server_context(directory: Path) -> ssl.SSLContext:
    """Return what makes a server speak TLS with the certificate."""
    key = directory / "key.pem"
    key.write_text(_pem("PRIVATE KEY", _KEY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(directory), key)
    return context


def _pem(kind: str, content: str) -> str:
    return "\n".join([f"-----BEGIN {kind}-----", *wrap(content, 64), f"-----END {kind}-----", ""])
