"""URLs from settings and from servers: which are well formed, and which stay on this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urljoin

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
    return find_secret_url_problem(url) or (
        "must not contain a user name or password" if parse(url).auth is not None else None
    )


def find_secret_url_problem(url: str) -> str | None:
    """Say the same of a URL that is kept as a secret, and so may contain a user name and a password."""
    try:
        parsed = parse(url)
    except ProtocolError:
        if url.isascii():
            return "is not a URL"
        return "is not a URL; write an international domain in its ASCII form (xn--…)"
    if parsed.scheme not in ("https", "http") or not parsed.host:
        return "must be a URL that begins with https://"
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        return "must begin with https://; http:// is only allowed for this machine (localhost)"
    return None


def secrets_of_url(url: str) -> tuple[str, ...]:
    """Return the password and the values of the query that a URL contains."""
    parsed = parse(url)
    _, _, password = unquote(parsed.auth or "").partition(":")
    return (password, *(value for _, value in parse_qsl(parsed.query or "")))


def port_of(url: Url) -> int | None:
    """Return the port that a URL leads to."""
    return url.port or {"https": 443, "http": 80}.get(url.scheme or "")
