"""The standard /set method (RFC 8620 section 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

from attrs import frozen

from mailroom.sandbox.jmap.arguments import (
    Arguments,
    Json,
    MethodError,
    invalid_arguments,
    is_id,
    is_reference,
)
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.store.changes import ChangeLog


class SetError(Exception):
    """One object of a /set is refused."""

    def __init__(self, type: str, description: str | None = None, **more: Any) -> None:
        super().__init__(description)
        self.body = {"type": type, **({"description": description} if description else {}), **more}


def invalid_properties(description: str, *properties: str) -> SetError:
    """Return the error for values that an object cannot have."""
    return SetError("invalidProperties", description, properties=list(properties))


@frozen
class Actions:
    """What a /set does to objects of one type; each may refuse with a `SetError`.

    Attributes:
        update: Tells what of the object the server has changed beside what was asked for; None for nothing.
    """

    create: Callable[[Json], Json]
    update: Callable[[str, Json], Json | None]
    destroy: Callable[[str], None]


def set_objects(
    context: Context, arguments: Arguments, log: ChangeLog, objects: Container[str], actions: Actions
) -> Json:
    """Answer a standard /set.

    Args:
        log: The changes of objects of this type.
        objects: The ids there are, always as of now.
    """
    if context.is_read_only:
        raise MethodError("accountReadOnly")
    if_in_state = arguments.string("ifInState", None)
    creations, updates = arguments.objects("create"), arguments.objects("update")
    destructions = arguments.ids("destroy", None) or []
    arguments.finish()
    if not all(map(is_id, creations)) or not all(map(is_reference, updates)):
        raise invalid_arguments("create and update must be keyed by Id", "create", "update")
    count = len(creations) + len(updates) + len(destructions)
    if count > context.account.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"at most {context.account.limits.max_objects_in_set} objects")
    if if_in_state is not None and if_in_state != log.state:
        raise MethodError("stateMismatch")
    old_state = log.state
    # In this order, whatever the order in the request (RFC 8620 section 5.3).
    created, not_created = _create(context, creations, actions)
    updated, not_updated = _update(context, updates, set(destructions), objects, actions)
    destroyed, not_destroyed = _destroy(context, destructions, objects, actions)
    return {
        "oldState": old_state,
        "newState": log.state,
        "created": created or None,
        "notCreated": not_created or None,
        "updated": updated or None,
        "notUpdated": not_updated or None,
        "destroyed": destroyed or None,
        "notDestroyed": not_destroyed or None,
    }


def _create(context: Context, creations: Json, actions: Actions) -> tuple[Json, Json]:
    created: Json = {}
    refused: Json = {}
    for creation_id, values in creations.items():
        try:
            made = actions.create(values)
            created[creation_id] = made
            context.created_ids[creation_id] = made["id"]
        except SetError as error:
            refused[creation_id] = error.body
    return created, refused


def _update(
    context: Context, updates: Json, destructions: Iterable[str], objects: Container[str], actions: Actions
) -> tuple[Json, Json]:
    doomed = {context.resolve(id) for id in destructions}
    updated: Json = {}
    refused: Json = {}
    for reference, patch in updates.items():
        id = context.resolve(reference)
        try:
            if id not in objects:
                raise SetError("notFound")
            if id in doomed:
                raise SetError("willDestroy")
            updated[id] = actions.update(id, patch)
        except SetError as error:
            refused[reference] = error.body
    return updated, refused


def _destroy(
    context: Context, destructions: Iterable[str], objects: Container[str], actions: Actions
) -> tuple[list[str], Json]:
    destroyed: list[str] = []
    refused: Json = {}
    for id in dict.fromkeys(map(context.resolve, destructions)):
        try:
            if id not in objects:
                raise SetError("notFound")
            actions.destroy(id)
            destroyed.append(id)
        except SetError as error:
            refused[id] = error.body
    return destroyed, refused
