"""JMAP for Sieve Scripts (RFC 9661), and the draft of it that Cyrus offers up to 3.10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, invalid_arguments
from mailroom.sandbox.jmap.blobs import blob_of, keep_blob
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.set import Actions, SetError, invalid_properties, set_objects
from mailroom.sandbox.sieve.check import why_invalid
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.scripts import DRAFT, STANDARD, ScriptShelf, StoredScript

_PROPERTIES: Final[dict[str, Callable[[SandboxAccount, StoredScript], Any]]] = {
    "id": lambda _, s: s.id,
    "name": lambda _, s: s.name,
    "isActive": lambda a, s: a.scripts.active == s.id,
    "blobId": lambda a, s: keep_blob(a, s.content),
}


def sieve_script_get(context: Context, arguments: Arguments) -> Json:
    """RFC 9661 section 2.3."""
    shelf = context.account.scripts
    ids, names = arguments.ids("ids", None), arguments.strings("properties")
    arguments.finish()
    if unknown := [name for name in names or () if name not in _PROPERTIES]:
        raise invalid_arguments(f"unknown properties: {', '.join(unknown)}", "properties")
    wanted = list(shelf.all) if ids is None else list(dict.fromkeys(map(context.resolve, ids)))
    if len(wanted) > context.account.limits.max_objects_in_get:
        raise MethodError("requestTooLarge")
    read = dict.fromkeys(["id", *(names or _PROPERTIES)])
    return {
        "state": shelf.log.state,
        "list": [
            {name: _PROPERTIES[name](context.account, shelf.all[id]) for name in read}
            for id in wanted
            if id in shelf.all
        ],
        "notFound": [id for id in wanted if id not in shelf.all],
    }


def sieve_script_query(context: Context, arguments: Arguments) -> Json:
    """RFC 9661 section 2.5, filtered by whether a script is active, and in no order of one's own."""
    shelf = context.account.scripts
    condition = arguments.take(
        "filter", lambda v: v is None or isinstance(v, dict), "a FilterCondition", None
    )
    arguments.finish()
    if set(condition or {}) - {"isActive"}:
        raise MethodError("unsupportedFilter")
    is_active = (condition or {}).get("isActive")
    ids = [id for id in shelf.all if is_active is None or (id == shelf.active) is is_active]
    return {
        "queryState": shelf.log.state,
        "canCalculateChanges": False,
        "position": 0,
        "total": len(ids),
        "ids": ids,
    }


def sieve_script_validate(context: Context, arguments: Arguments) -> Json:
    """RFC 9661 section 2.6."""
    blob_id = arguments.string("blobId")
    arguments.finish()
    content = blob_of(context.account, blob_id)
    if content is None:
        raise MethodError("blobNotFound")
    if says := why_invalid(content, context.account.scripts.bounds.extensions):
        return {"error": {"type": _words(context.account.scripts)[0], "description": says}}
    return {"error": None}


def sieve_script_set(context: Context, arguments: Arguments) -> Json:
    """RFC 9661 section 2.4."""
    shelf = context.account.scripts
    activated, deactivates = _activation(shelf, arguments)
    answer = set_objects(context, arguments, shelf.log, shelf.all, _actions(context))
    refused = any(answer[name] for name in ("notCreated", "notUpdated", "notDestroyed"))
    id = context.resolve(activated) if activated else None
    if refused or not (deactivates or id):
        return answer
    if id and id not in shelf.all:
        if shelf.offered_as == DRAFT:
            raise MethodError("serverFail")
        return answer
    created = {made["id"]: made for made in (answer["created"] or {}).values()}
    for each in shelf.activate(id):
        is_active = each == id
        if each in created:
            created[each]["isActive"] = is_active
        else:
            answer["updated"] = {**(answer["updated"] or {}), each: {"isActive": is_active}}
    return {**answer, "newState": shelf.log.state}


def _activation(shelf: ScriptShelf, arguments: Arguments) -> tuple[str | None, bool]:
    """Return which script is to be active, and whether none is to be."""
    if shelf.offered_as == STANDARD:
        activated = arguments.string("onSuccessActivateScript", "")
        return activated or None, arguments.boolean("onSuccessDeactivateScript", False)
    activated = arguments.take(
        "onSuccessActivateScript", lambda v: v is None or isinstance(v, str), "an Id or null", ""
    )
    return activated or None, activated is None


def _actions(context: Context) -> Actions:
    account, shelf = context.account, context.account.scripts

    def create(values: Json) -> Json:
        if len(shelf.all) >= shelf.bounds.most:
            raise SetError("overQuota")
        name = _name(shelf, values, None)
        content = _content(account, values)
        if content is None:
            raise invalid_properties("blobId is missing", "blobId")
        script = shelf.add(name or "", content)
        if not name:
            shelf.alter(script.id, name=script.id)
        made = {"id": script.id, "isActive": False, "blobId": keep_blob(account, content)}
        return made if name else {**made, "name": script.name}

    def update(id: str, patch: Json) -> None:
        if "isActive" in patch and patch["isActive"] == (shelf.active == id):
            patch = {name: value for name, value in patch.items() if name != "isActive"}
        shelf.alter(id, name=_name(shelf, patch, id), content=_content(account, patch))

    def destroy(id: str) -> None:
        if shelf.active == id:
            raise SetError(_words(shelf)[1])
        shelf.remove(id)

    return Actions(create, update, destroy)


def _words(shelf: ScriptShelf) -> tuple[str, str]:
    """Return what is said of an invalid script, and of one that is active."""
    return (
        ("invalidSieve", "sieveIsActive")
        if shelf.offered_as == STANDARD
        else ("invalidScript", "scriptIsActive")
    )


def _name(shelf: ScriptShelf, values: Json, id: str | None) -> str | None:
    if unknown := sorted(values.keys() - {"name", "blobId"}):
        raise invalid_properties("set by the server, or unknown", *unknown)
    if values.get("name") is None:
        return None
    name = values["name"]
    is_name = isinstance(name, str) and name.isprintable() and "/" not in name and name
    if not is_name or len(name.encode()) > shelf.bounds.most_name_bytes:
        raise invalid_properties("no name for a script", "name")
    if any(each.name == name for each in shelf.all.values() if each.id != id):
        raise SetError("alreadyExists")
    return str(name)


def _content(account: SandboxAccount, values: Json) -> bytes | None:
    if "blobId" not in values:
        return None
    content = blob_of(account, values["blobId"]) if isinstance(values["blobId"], str) else None
    if content is None:
        raise SetError("blobNotFound")
    if len(content) > account.scripts.bounds.most_bytes:
        raise SetError("tooLarge")
    if says := why_invalid(content, account.scripts.bounds.extensions):
        raise SetError(_words(account.scripts)[0], says)
    return content
