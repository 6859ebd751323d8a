"""Self-signed certificates for 127.0.0.1 and localhost: made for these tests, good for nothing else."""

from __future__ import annotations

import ssl
from pathlib import Path
from textwrap import wrap
from typing import Literal

When = Literal["now", "2025", "2125"]
"""When a certificate is valid."""

_KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgK4HvC79QEWWaABUK4nBV3hmRkkk6T+YB1XoSW1VVymGhRANCAASH"
    "MUmAYsmQuKu7/mcB9RGqSmfAa93q0ZqlZlc97SUc3zQIUMS1dvfSbY0A5zrldZnnZmDfsb2Bs1WG93TSkFA3"
)

_OF_NOW = (
    "MIIBsDCCAVegAwIBAgIUK6kB8p2lId+IHNsPf2xzQSgYOkIwCgYIKoZIzj0EAwIwHzEdMBsGA1UEAwwUTWFpbHJvb20gdGVzdCBz"
    "ZXJ2ZXIwIBcNMjYxMTIzMDkyMzE0WhgPMjEyNjEwMzAwOTIzMTRaMB8xHTAbBgNVBAMMFE1haWxyb29tIHRlc3Qgc2VydmVyMFkw"
    "EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhzFJgGLJkLiru/5nAfURqkpnwGvd6tGapWZXPe0lHN80CFDEtXb30m2NAOc65XWZ52Zg"
    "37G9gbNVhvd00pBQN6NvMG0wHQYDVR0OBBYEFHb/8Le206IhkJwmUWZHmoGlGlWTMB8GA1UdIwQYMBaAFHb/8Le206IhkJwmUWZH"
    "moGlGlWTMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDC5jbvO"
    "UOQGfwqGLzsP2EsjG49OQnOT7EwTJx/QKjWLAiBx0ITXh27+1tm4lKhpEJb8xWL1Y73CWzr3+tDJU4Kfcw=="
)

_OF_2025 = (
    "MIIBezCCASGgAwIBAgIBATAKBggqhkjOPQQDAjAfMR0wGwYDVQQDDBRNYWlscm9vbSB0ZXN0IHNlcnZlcjAeFw0yNTAxMDEwMDAw"
    "MDBaFw0yNTAxMDIwMDAwMDBaMB8xHTAbBgNVBAMMFE1haWxyb29tIHRlc3Qgc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD"
    "QgAEhzFJgGLJkLiru/5nAfURqkpnwGvd6tGapWZXPe0lHN80CFDEtXb30m2NAOc65XWZ52Zg37G9gbNVhvd00pBQN6NOMEwwDwYD"
    "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwHQYDVR0OBBYEFHb/8Le206IhkJwmUWZHmoGlGlWTMAoG"
    "CCqGSM49BAMCA0gAMEUCIFblISMXN0j/S5SDEei1R1jTGcBkgvrfTLfDkrCrvGnAAiEAruoX9kTb9PAOOmMzD1Y9W1OO7Jfe7oPk"
    "BKZA2MBvxrY="
)

_OF_2125 = (
    "MIIBgDCCASWgAwIBAgIBAjAKBggqhkjOPQQDAjAfMR0wGwYDVQQDDBRNYWlscm9vbSB0ZXN0IHNlcnZlcjAiGA8yMTI1MDEwMTAw"
    "MDAwMFoYDzIxMjYwMTAyMDAwMDAwWjAfMR0wGwYDVQQDDBRNYWlscm9vbSB0ZXN0IHNlcnZlcjBZMBMGByqGSM49AgEGCCqGSM49"
    "AwEHA0IABIcxSYBiyZC4q7v+ZwH1EapKZ8Br3erRmqVmVz3tJRzfNAhQxLV299JtjQDnOuV1medmYN+xvYGzVYb3dNKQUDejTjBM"
    "MA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MB0GA1UdDgQWBBR2//C3ttOiIZCcJlFmR5qBpRpV"
    "kzAKBggqhkjOPQQDAgNJADBGAiEAtjyFZPcTmBOBuh9CoVdSS627N2ikYEh/E1glT4VTEzwCIQDW3MGXAv0DrcNqn052RgefRNHu"
    "SM379lekWK1fg6GXbg=="
)

_CERTIFICATES = {"now": _OF_NOW, "2025": _OF_2025, "2125": _OF_2125}


def write_certificate(directory: Path, when: When = "now") -> Path:
    """Write the certificate to a file, for SSL_CERT_FILE, and return its name."""
    path = directory / "certificate.pem"
    path.write_text(_pem("CERTIFICATE", _CERTIFICATES[when]))
    return path


def server_context(directory: Path, when: When = "now") -> ssl.SSLContext:
    """Return what makes a server speak TLS with the certificate."""
    key = directory / "key.pem"
    key.write_text(_pem("PRIVATE KEY", _KEY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(directory, when), key)
    return context


def _pem(kind: str, content: str) -> str:
    return "\n".join([f"-----BEGIN {kind}-----", *wrap(content, 64), f"-----END {kind}-----", ""])
