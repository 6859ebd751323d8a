"""URLs from settings and from servers: which are well formed, and which stay on this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from mailroom.errors import ProtocolError

_SHOWN_CHARACTERS = 200


def is_loopback(host: str | None) -> bool:
    """Whether `host` can only be this machine."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def resolve(base: str, reference: str) -> str:
    """Return the URL that `reference`, perhaps a relative one, means in an answer from `base`.

    Raises:
        ProtocolError: It is not a URL.
    """
    try:
        url = urljoin(base, reference)
    except ValueError as error:
        raise ProtocolError(f"not a URL: {reference[:_SHOWN_CHARACTERS]!r}") from error
    parse(url)
    return url


def parse(url: str) -> Url:
    """Parse a URL with the parser that decides where a connection goes; another may see another host."""
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise ProtocolError(f"not a URL: {url[:_SHOWN_CHARACTERS]!r}") from error
    host = parsed.host or ""
    # Older versions of the parser let a space pass; with `idna` installed, it translates a domain.
    if " " in host or host not in url.lower():
        raise ProtocolError(f"not a URL: {url[:_SHOWN_CHARACTERS]!r}")
    return parsed


def authority_of(url: str) -> str:
    """Return whom a URL leads to: the host, and the port where it names one."""
    return parse(url).netloc or ""


def find_url_problem(url: str) -> str | None:
    """Say why a URL from the settings cannot be where a server is, without quoting it, or None."""
    try:
        parsed = parse(url)
    except ProtocolError:
        if url.isascii():
            return "is not a URL"
        return "is not a URL; write an international domain in its ASCII form (xn--…)"
    if parsed.scheme not in ("https", "http") or not parsed.host:
        return "must be a URL that begins with https://"
    if parsed.auth is not None:
        return "must not contain a user name or password"
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        return "must begin with https://; http:// is only allowed for this machine (localhost)"
    return None


def port_of(url: Url) -> int | None:
    """Return the port that a URL leads to."""
    return url.port or {"https": 443, "http": 80}.get(url.scheme or "")
