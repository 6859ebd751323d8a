"""Leaves content with the server, to be named in a later request (RFC 8620 section 6.1)."""

from __future__ import annotations

from urllib.parse import quote

from attrs import frozen

from mailroom.errors import ProtocolError
from mailroom.jmap.client import JmapClient
from mailroom.jmap.session import check_json
from mailroom.jmap.structuring import parse_json, structure

_ACCOUNT = "{accountId}"


@frozen
class UploadObject:
    """What the server says of content that was left with it."""

    blob_id: str


def upload(client: JmapClient, content: bytes, media_type: str, account_id: str = "") -> str:
    """Leave content with the server and return its blobId; done twice, nothing is there twice for anybody.

    Args:
        account_id: In whose account it is needed; empty for that of the mail.

    Raises:
        ServerError: The server has no place for it, or has not taken it.
    """
    session, what = client.session, "the answer to an upload"
    if session.upload_url is None:
        raise ProtocolError("the JMAP session does not say where content is uploaded")
    url = session.upload_url.replace(_ACCOUNT, quote(account_id or session.account_id, safe=""))
    response = client.post(url, content, media_type)
    check_json(response)
    return structure(parse_json(response.body, what), UploadObject, what).blob_id
