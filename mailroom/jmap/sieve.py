"""A person's Sieve scripts over JMAP (RFC 9661), and over the draft of it that Cyrus offers up to 3.10."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from mailroom.errors import MethodError, PreconditionFailedError, ProtocolError, ServerError
from mailroom.jmap.calls import Call
from mailroom.jmap.client import JmapClient
from mailroom.jmap.sieve_wire import SieveScriptGet, SieveScriptObject, SieveScriptSet, SieveScriptValidate
from mailroom.jmap.uploads import upload
from mailroom.jmap.wire import Json, SetError
from mailroom.model.scripts import Script, ScriptChange, ScriptId, ScriptLimits, Scripts

MEDIA_TYPE: Final = "application/sieve"
MAX_SCRIPT_BYTES: Final = 1024 * 1024

_WAYS_TO_DEACTIVATE: Final[tuple[Json, ...]] = (
    {"onSuccessDeactivateScript": True},
    {"onSuccessDeactivatescript": True},  # so Cyrus 3.12 spells it
    {"onSuccessActivateScript": None},  # so it was before the RFC
)
"""One that a server does not know is refused as a whole, before anything is done."""

_IN_WORDS: Final = {
    "overQuota": "the server keeps no more scripts: delete one that you do not need",
    "tooLarge": "the server takes no script that large",
    "alreadyExists": "there is a script of that name already",
    "forbidden": "the server does not let this script be changed",
    "accountReadOnly": "the token may only read",
}


class JmapSieveScripts:
    """Fills the port `SieveScripts`."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client

    def limits(self) -> ScriptLimits | None:
        """Return what scripts can be there; None where the session offers none."""
        account = self._client.session.sieve
        if account is None:
            return None
        offered = account.offered
        return ScriptLimits(
            frozenset(offered.sieve_extensions),
            offered.max_number_scripts,
            offered.max_size_script,
            account.is_read_only,
        )

    def read(self) -> Scripts:
        """Read all scripts: one request, and one for the content of each."""
        (answer,) = self._client.call([Call("SieveScript/get", {"ids": None})])
        found = answer.as_record(SieveScriptGet)
        return Scripts(found.state, tuple(map(self._script, found.list_)))

    def why_invalid(self, content: bytes) -> str:
        """Return what the server says against a script."""
        (answer,) = self._client.call([Call("SieveScript/validate", {"blobId": self._upload(content)})])
        error = answer.as_record(SieveScriptValidate).error
        return _reason(error) if error else ""

    def change(self, scripts: Scripts, change: ScriptChange) -> None:
        """Change scripts where they still are as in `scripts`."""
        arguments: Json = {"ifInState": scripts.state}
        if change.new:
            arguments["create"] = {
                f"new{number}": {"name": name, "blobId": self._upload(content)}
                for number, (name, content) in enumerate(change.new.items())
            }
        if change.contents:
            arguments["update"] = {
                script: {"blobId": self._upload(content)} for script, content in change.contents.items()
            }
        if change.removed:
            arguments["destroy"] = list(change.removed)
        if change.activated is not None:
            arguments["onSuccessActivateScript"] = _activated(scripts, change)
        done = self._set(arguments, _WAYS_TO_DEACTIVATE if change.deactivates else ({},))
        names: dict[str, str] = {script.id: script.name for script in scripts.all}
        new = {f"new{number}": name for number, name in enumerate(change.new)}
        if refused := list(_refusals(done, names | new)):
            raise ServerError("; ".join(refused))

    def _set(self, arguments: Json, ways: tuple[Json, ...]) -> SieveScriptSet:
        for is_last, way in [(way is ways[-1], way) for way in ways]:
            (answer,) = self._client.call([Call("SieveScript/set", {**arguments, **way})])
            try:
                return answer.as_record(SieveScriptSet)
            except MethodError as error:
                if error.type == "stateMismatch":
                    raise PreconditionFailedError("the scripts have changed in the meantime") from error
                if error.type in _IN_WORDS:
                    raise ServerError(_IN_WORDS[error.type]) from error
                if is_last or error.type != "invalidArguments":
                    raise
        raise AssertionError

    def _script(self, found: SieveScriptObject) -> Script:
        return Script(ScriptId(found.id), found.name, self._content(found.blob_id), found.is_active)

    def _content(self, blob_id: str) -> bytes:
        session = self._client.session
        if session.download_url is None:
            raise ProtocolError("the JMAP session does not say where content is downloaded")
        url = session.download_url
        values = {
            "accountId": session.require_sieve().id,
            "blobId": blob_id,
            "name": "script",
            "type": MEDIA_TYPE,
        }
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        return self._client.get(url, MAX_SCRIPT_BYTES)

    def _upload(self, content: bytes) -> str:
        return upload(self._client, content, MEDIA_TYPE, self._client.session.require_sieve().id)


def _activated(scripts: Scripts, change: ScriptChange) -> str:
    """Return how a request refers to the script that is to be active."""
    names = list(change.new)
    if change.activated in names:
        return f"#new{names.index(change.activated)}"
    script = scripts.named(change.activated or "")
    if script is None:
        raise ServerError(f"there is no script {change.activated!r}")
    return script.id


def _refusals(done: SieveScriptSet, names: Mapping[str, str]) -> Iterator[str]:
    for refused in (done.not_created, done.not_updated, done.not_destroyed):
        for key, error in (refused or {}).items():
            yield f"the script {names.get(key, key)!r}: {_reason(error)}"


def _reason(error: SetError) -> str:
    """Say why a script is refused; invalidSieve of the RFC is invalidScript in Cyrus up to 3.12."""
    said = " ".join((error.description or "").split())
    return said or _IN_WORDS.get(error.type) or " ".join([error.type, *(error.properties or ())])
