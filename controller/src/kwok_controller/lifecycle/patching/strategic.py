# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Strategic merge patches, with the semantics of k8s.io/apimachinery v0.36 (`pkg/util/strategicpatch`).

One difference: a field that is not in the merge keys is merged where it is an object and replaced where it is a list. Go refuses what its
types do not have, but then the controller would have to know all fields of an apiserver newer than itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from kwok_controller.lifecycle.patching.equality import MISSING, same
from kwok_controller.lifecycle.patching.errors import PatchError
from kwok_controller.lifecycle.patching.merge_keys import MergeKeys

Object: TypeAlias = dict[str, Any]

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"


def apply_strategic(obj: Object, patch: Object, keys: MergeKeys) -> Object:
    """What a strategic merge patch makes of an object: the very same object where it changes nothing.

    Args:
        obj: the object.
        patch: the patch.
        keys: of the object's kind.

    Raises:
        PatchError: the patch is malformed, or does not fit the object. It says at which field.
    """
    if type(patch) is not dict:
        raise PatchError("a strategic merge patch is an object")
    merged = _merge_objects(obj, patch, keys, "")
    return obj if merged is not obj and same(obj, merged) else merged


def _merge_objects(obj: Object, patch: Object, keys: MergeKeys, path: str) -> Object:
    """Merges a patch into an object; nothing is changed, the same object is given back where nothing changes."""
    directed = False
    for key in patch:
        if key.startswith("$"):
            directed = True
            break
    result = obj
    if directed:
        if _DIRECTIVE in patch:
            return _whole(patch, path)
        result = _retained(obj, patch, path)
        result, patch = _ordered(result, patch, keys, path)
    for key, value in patch.items():
        deletes = False
        if directed and key.startswith(_DELETE_FROM):
            key = key[len(_DELETE_FROM) :]
            deletes = True
        elif directed and key == _RETAIN:
            continue
        old = result.get(key, MISSING)
        new: Any
        if value is None:
            new = MISSING
        elif type(old) is not type(value):
            if deletes:
                continue
            new = _clean(value)
        elif type(value) is dict:
            field = keys.get(key)
            new = value if field.strategy == "replace" else _merge_objects(old, value, field.keys, _join(path, key))
        elif type(value) is list:
            new = _merged_list(old, value, keys, key, deletes, path)
        else:
            new = value
        if new is old or (old is not MISSING and new is not MISSING and same(new, old)):
            continue
        if result is obj:
            result = dict(obj)
        if new is MISSING:
            del result[key]
        else:
            result[key] = new
    return result


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _whole(patch: Object, path: str) -> Object:
    """`$patch` in an object: it takes the place of the old one, or empties it."""
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise PatchError(f"$patch: {directive!r} is neither replace nor delete", path=path)


def _clean(value: Any) -> Any:
    """A value for what was not there: without nulls, and without what carries a `$patch` directive."""
    if type(value) is dict:
        if _DIRECTIVE in value:
            return MISSING
        cleaned = {key: _clean(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in cleaned.items() if item is not MISSING}
    if type(value) is list:
        return [item for item in map(_clean, value) if item is not MISSING]
    return value


def _retained(obj: Object, patch: Object, path: str) -> Object:
    """`$retainKeys`: drops what it does not list."""
    if _RETAIN not in patch:
        return obj
    retained = patch[_RETAIN]
    if type(retained) is not list:
        raise PatchError("$retainKeys is a list of names", path=path)
    for key, value in patch.items():
        if key == _RETAIN or value is None or key.startswith((_DELETE_FROM, _ORDER)):
            continue
        if key not in retained:
            raise PatchError(f"{key!r} is in the patch, but not in its $retainKeys", path=path)
    if all(key in retained for key in obj):
        return obj
    return {key: value for key, value in obj.items() if key in retained}


def _ordered(obj: Object, patch: Object, keys: MergeKeys, path: str) -> tuple[Object, Object]:
    """`$setElementOrder/…`: merges the lists that it is given for. What is done is left out of the patch that is given back."""
    names = [key for key in patch if key.startswith(_ORDER)]
    if not names:
        return obj, patch
    result, rest = dict(obj), dict(patch)
    for name in names:
        order = rest.pop(name)
        key = name[len(_ORDER) :]
        where = _join(path, key)
        old: Any = result.get(key, MISSING)
        new: Any = rest.get(key, MISSING)
        if type(order) is not list or (old is not MISSING and type(old) is not list) or (new is not MISSING and type(new) is not list):
            raise PatchError("$setElementOrder is a list, for a list", path=where)
        merge_key = keys.get(key).merge_key
        _check_order([] if new is MISSING else new, order, merge_key, where)
        if new is MISSING and old is MISSING:
            continue
        merged: list[Any]
        if new is MISSING:
            merged = old
        elif old is MISSING:
            merged = _without_directives(new)
        else:
            merged = _merged_list(old, new, keys, key, False, path)
        before: list[Any] = [] if old is MISSING else old
        added: list[Any] = [] if new is MISSING else new
        _element_type(where, before, added)
        listed, others = _partition(merged, order, merge_key, where)
        result[key] = _interleave(listed, others, order, before, merge_key)
        rest.pop(key, None)
    return result, rest


def _without_directives(value: Any) -> Any:
    # As `_clean`, but nulls stay.
    if type(value) is dict:
        if _DIRECTIVE in value:
            return MISSING
        cleaned = {key: _without_directives(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item is not MISSING}
    if type(value) is list:
        return [item for item in map(_without_directives, value) if item is not MISSING]
    return value


def _check_order(patch: list[Any], order: list[Any], merge_key: str, path: str) -> None:
    """The elements of the patch must be listed in the order, in the same order; those to be deleted do not count."""
    if not patch or not order:
        return
    if merge_key:
        if any(type(item) is not dict for item in patch):
            raise PatchError(f"the list is merged by {merge_key!r}: its elements are objects", path=path)
        patch = [item for item in patch if item.get(_DIRECTIVE) != "delete"]
    identify = _identify(merge_key, path)
    at = 0
    for position in order:
        while at < len(patch) and merge_key and _DIRECTIVE in patch[at]:
            at += 1
        if at == len(patch):
            return
        if same(identify(patch[at]), identify(position)):
            at += 1
    if at < len(patch):
        wanted = patch[at].get(merge_key) if merge_key else patch[at]
        raise PatchError(f"the order of the elements is not that of $setElementOrder, or it lacks {wanted!r}", path=path)


def _identify(merge_key: str, path: str) -> Callable[[Any], Any]:
    """What gives an element's merge key; of a scalar, itself."""

    def identify(item: Any) -> Any:
        if type(item) is not dict or merge_key not in item:
            raise PatchError(f"an element without its merge key {merge_key!r}", path=path)
        return item[merge_key]

    return identify if merge_key else lambda item: item


def _element_type(path: str, *lists: list[Any]) -> type:
    kinds = {type(item) for items in lists for item in items}
    if len(kinds) != 1:
        raise PatchError("no elements" if not kinds else "the elements are not all of one type", path=path)
    kind = kinds.pop()
    if kind in (list, type(None)):
        raise PatchError("lists of lists or of nulls cannot be merged", path=path)
    return kind


def _merged_list(old: list[Any], patch: list[Any], keys: MergeKeys, key: str, deletes: bool, path: str) -> list[Any]:
    field = keys.get(key)
    if field.strategy != "merge" and not deletes:
        return patch
    if not old and not patch:
        return old
    path = _join(path, key)
    if _element_type(path, old, patch) is not dict:
        if deletes:
            return [item for item in old if item not in patch]
        return _merge_scalars(old, patch)
    if not field.merge_key:
        raise PatchError("objects cannot be merged without a merge key", path=path)
    return _merge_by_key(old, patch, field.merge_key, field.keys, path)


def _merge_scalars(old: list[Any], patch: list[Any]) -> list[Any]:
    merged = list(dict.fromkeys([*old, *patch]))
    listed, others = _partition(merged, patch, "", "")
    return _interleave(listed, others, patch, old, "")


def _merge_by_key(old: list[Any], patch: list[Any], merge_key: str, keys: MergeKeys, path: str) -> list[Any]:
    before, changes = _directed(old, patch, merge_key, path)
    merged = list(before)
    places = [item.get(merge_key, MISSING) for item in merged]
    changed = before is not old
    for change in changes:
        if merge_key not in change:
            raise PatchError(f"an element without its merge key {merge_key!r}", path=path)
        wanted = change[merge_key]
        at = _position(places, wanted)
        if at < 0:
            merged.append(change)
            places.append(wanted)
            changed = True
            continue
        item = merged[at]
        merged[at] = _merge_objects(item, change, keys, f"{path}[{wanted}]")
        changed = changed or merged[at] is not item
    if len(merged) == len(before) and _keeps_order(places, changes, merge_key):
        # What the patch has is in the order that it has already.
        return merged if changed else old
    listed, others = _partition(merged, changes, merge_key, path)
    return _interleave(listed, others, changes, before, merge_key)


def _keeps_order(keys: list[Any], changes: list[Any], merge_key: str) -> bool:
    if any(type(key) is not str for key in keys) or len(set(keys)) < len(keys):
        return False
    positions = iter(keys)
    return all(change[merge_key] in positions for change in changes)


def _directed(old: list[Any], patch: list[Any], merge_key: str, path: str) -> tuple[list[Any], list[Any]]:
    """The old list without what `$patch: delete` names, and the elements of the patch that carry no directive.

    With `$patch: replace`, these are the list, and there is nothing to merge into it.
    """
    changes = []
    replaces = False
    for item in patch:
        directive = item.get(_DIRECTIVE, MISSING)
        if directive is MISSING:
            changes.append(item)
        elif directive == "replace":
            replaces = True
        elif directive == "delete":
            if merge_key not in item:
                raise PatchError(f"$patch: delete without the merge key {merge_key!r}", path=path)
            old = [other for other in old if not (merge_key in other and same(other[merge_key], item[merge_key]))]
        else:
            raise PatchError(f"$patch: {directive!r} is neither delete nor replace", path=path)
    return (changes, []) if replaces else (old, changes)


def _partition(items: list[Any], by: list[Any], merge_key: str, path: str) -> tuple[list[Any], list[Any]]:
    """The items that are in `by`, and those that are not."""
    identify = _identify(merge_key, path)
    wanted = [item.get(merge_key) if type(item) is dict else item for item in by] if merge_key else by
    listed: list[Any] = []
    others: list[Any] = []
    for item in items:
        (listed if _position(wanted, identify(item)) >= 0 else others).append(item)
    return listed, others


def _position(values: list[Any], wanted: Any) -> int:
    if type(wanted) is str:
        return values.index(wanted) if wanted in values else -1
    for at, value in enumerate(values):
        if value == wanted and type(value) is type(wanted):
            return at
    return -1


def _interleave(listed: list[Any], others: list[Any], order: list[Any], before: list[Any], merge_key: str) -> list[Any]:
    """Puts two lists into one: `listed` in the given order, `others` among them, each before what it stood before already."""
    identify: Callable[[Any], Any] = (
        (lambda item: item.get(merge_key) if type(item) is dict else None) if merge_key else (lambda item: item)
    )
    wanted = [identify(item) for item in order]
    old = [identify(item) for item in before]
    listed = sorted(listed, key=lambda item: _position(wanted, identify(item)))
    others = sorted(others, key=lambda item: _position(old, identify(item)))
    result: list[Any] = []
    at = 0
    for item in listed:
        place = _position(old, identify(item))
        while at < len(others) and place >= 0 and 0 <= _position(old, identify(others[at])) < place:
            result.append(others[at])
            at += 1
        result.append(item)
    return result + others[at:]
