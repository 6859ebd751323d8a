"""Uploads and downloads (RFC 8620 section 6): what is sent in, and the messages as text."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, unquote

from mailroom.sandbox.exchange import Reply, Request, json_reply, problem
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.rendering import composed

UPLOAD_PATH, DOWNLOAD_PATH = "/jmap/upload/", "/jmap/download/"
METHODS = {UPLOAD_PATH: ("POST",), DOWNLOAD_PATH: ("GET", "HEAD")}
TEMPLATES = {
    "uploadUrl": UPLOAD_PATH + "{accountId}/",
    "downloadUrl": DOWNLOAD_PATH + "{accountId}/{blobId}/{name}?type={type}",
}


def upload(account: SandboxAccount, request: Request) -> Reply:
    """Keep what is sent in; the same bytes have the same id."""
    if request.path != f"{UPLOAD_PATH}{account.id}/":
        return problem(404, "about:blank", "no such account")
    if len(request.body) > account.limits.max_size_upload:
        type = "urn:ietf:params:jmap:error:limit"
        return problem(413, type, "too large an upload", limit="maxSizeUpload")
    media_type = request.headers.get("content-type", "application/octet-stream")
    with account.lock:
        blob_id = keep_blob(account, request.body)
    described = {"accountId": account.id, "blobId": blob_id, "type": media_type, "size": len(request.body)}
    return json_reply(201, described)


def keep_blob(account: SandboxAccount, content: bytes) -> str:
    """Keep content and return its id; whoever calls this holds the account's lock."""
    blob_id = f"B{hashlib.sha1(content).hexdigest()}"  # noqa: S324 - a name, not a secret
    account.blobs[blob_id] = content
    return blob_id


def download(account: SandboxAccount, request: Request) -> Reply:
    """Hand out what was sent in, or a message."""
    account_id, _, rest = request.path.removeprefix(DOWNLOAD_PATH).partition("/")
    blob_id = unquote(rest.partition("/")[0])
    with account.lock:
        octets = blob_of(account, blob_id) if unquote(account_id) == account.id else None
    if octets is None:
        return problem(404, "about:blank", "no such blob")
    media_type = parse_qs(request.query).get("type", ["application/octet-stream"])[0]
    if not media_type.isascii() or not media_type.isprintable():
        return problem(400, "about:blank", "not a media type")
    return Reply(200, {"Content-Type": media_type, "Cache-Control": "private, immutable"}, octets)


def blob_of(account: SandboxAccount, blob_id: str) -> bytes | None:
    """Return what is behind a blob's id; None where nothing is."""
    if blob_id in account.blobs:
        return account.blobs[blob_id]
    id, _, part = blob_id[1:].partition("-")
    message = account.messages.get(f"M{id}")
    if message is None or blob_id[:1] != "G":
        return None
    if not part:
        return composed(message)
    texts = [message.text, *(each.text for each in message.attachments)]
    is_there = part.isascii() and part.isdecimal() and 1 <= int(part) <= len(texts)
    return texts[int(part) - 1].encode() if is_there else None
