"""What one item must look like, as a pydantic model, and what the model is told about it, as a JSON schema.

Owns both directions: `item_model` turns the job's fields into a model that judges items, `answer_schema` turns any
pydantic model into the plain schema that every server takes. Bounds are judged after the answer, never sent as
schema keywords: a bounded schema makes grammar-constrained servers ten times slower (docs: FACTS, the embedded
model), and strict-mode servers refuse several of the keywords. They are told in the description instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import PydanticCustomError

from synthgen.errors import JobError
from synthgen.job import FieldSpec

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
    "format": "written as {}",
}
_Node: TypeAlias = Mapping[str, Any]
_Path: TypeAlias = tuple[str, ...]
_OBVIOUS = {("minLength", 0), ("minLength", 1)}


def item_model(fields: Mapping[str, FieldSpec]) -> type[BaseModel]:
    """The pydantic model of one item.

    Extra keys are ignored, strings are stripped, a required string is not empty unless `min_length: 0` says so.
    Fields live under their own names as aliases, so that a column called `class` or `schema` works too: dump
    with `by_alias=True`.

    Args:
        fields: The job's schema, in the order they are shown to the model.
    """
    definitions: dict[str, Any] = {
        f"field_{i}": _definition(name, spec) for i, (name, spec) in enumerate(fields.items())
    }
    return create_model("Item", __config__=ConfigDict(extra="ignore", allow_inf_nan=False), **definitions)


def _definition(name: str, spec: FieldSpec) -> tuple[Any, Any]:
    kind = _annotation(spec)
    extra: dict[str, Any] | None = {"pattern": spec.pattern} if spec.pattern else None
    about: dict[str, Any] = {"alias": name, "description": spec.description or None, "json_schema_extra": extra}
    return (kind | None, Field(default=None, **about)) if spec.optional else (kind, Field(**about))


def _annotation(spec: FieldSpec) -> Any:
    if isinstance(spec.type, list):
        return Annotated[Literal[tuple(spec.type)], BeforeValidator(_stripped)]
    if spec.type == "str":
        return _string(spec, min_length=spec.min_length if spec.optional or spec.min_length is not None else 1)
    if spec.type == "list[str]":
        return list[_string(spec, min_length=1 if spec.min_length is None else spec.min_length)]  # type: ignore[misc]
    if spec.type == "bool":
        return bool
    return Annotated[int if spec.type == "int" else float, Field(ge=spec.ge, le=spec.le)]


def _string(spec: FieldSpec, *, min_length: int | None) -> Any:
    kind: Any = Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=min_length, max_length=spec.max_length)
    ]
    return kind if spec.pattern is None else Annotated[kind, AfterValidator(_searches(spec.pattern))]


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _searches(pattern: str) -> Callable[[str], str]:
    """Python's own `re`, as everywhere in a job file: pydantic's default engine knows no look-around."""
    compiled = re.compile(pattern)

    def search(value: str) -> str:
        if compiled.search(value) is None:
            raise PydanticCustomError("pattern", "does not match {pattern}", {"pattern": pattern})
        return value

    return search


def answer_schema(model: type[BaseModel], *, items: int | None = None, is_single: bool = False) -> dict[str, Any]:
    """The JSON schema of a whole answer, `{"items": [...]}`, in the subset that every server takes.

    References are inlined, no key may be added, every property is required and the optional ones may be null, as
    strict mode wants it.

    Args:
        model: One item: from `item_model`, or the user's own.
        items: How many items are asked for; told in words only.
        is_single: Whether an answer is one item by itself, in no list.

    Raises:
        JobError: The model holds something the subset cannot say: a free mapping, `Any`, a tuple, recursion.
    """
    try:
        whole = model.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise JobError(f"the schema {model.__name__} cannot be told to a model: {error.message}") from None
    item = _plain(whole, whole.get("$defs", {}), (model.__name__,))
    if item.get("type") != "object":
        raise JobError(f"the schema {model.__name__} is not an object", hint="make it a model with fields")
    if is_single:
        return item
    rows: dict[str, Any] = {"type": "array", "items": item}
    if items is not None:
        rows["description"] = f"Exactly {items} item{'' if items == 1 else 's'}."
    return _object({"items": rows})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(node: _Node, defs: _Node, path: _Path) -> dict[str, Any]:
    """`node` less everything a strict server might refuse. `path` names where it stands, for the error."""
    node, defs = _resolved(node, defs, path)
    told = _description(node)
    if options := node.get("anyOf") or node.get("oneOf"):
        return {"anyOf": [_plain(option, defs, path) for option in options], **told}
    if "const" in node or "enum" in node:
        values = node.get("enum", [node.get("const")])
        return {**({"type": node["type"]} if "type" in node else {}), "enum": values, **told}
    if node.get("type") == "object" and "properties" in node:
        return {**_object(_properties(node, defs, path)), **told}
    if node.get("type") == "array" and "items" in node and "prefixItems" not in node:
        return {"type": "array", "items": _plain(node["items"], defs, (*path, "[]")), **told}
    if node.get("type") not in ("string", "integer", "number", "boolean", "null"):
        raise JobError(
            f"the schema field {'.'.join(path)} has no plain type that a model can be held to",
            hint="use str, int, float, bool, Literal, an Enum, a list of one type, or a nested model with fields",
        )
    return {"type": node["type"], **told}


def _resolved(node: _Node, defs: _Node, path: _Path) -> tuple[_Node, _Node]:
    """`node` with its reference, or its single `allOf`, put in place, and the definitions it may still refer to."""
    while inner := node.get("$ref") or (node.get("allOf") or [None])[0]:
        if isinstance(inner, str):
            name = inner.rpartition("/")[2]
            if name not in defs:
                raise JobError(f"the schema field {'.'.join(path)} refers to itself", hint="unroll it a fixed depth")
            inner, defs = defs[name], {key: value for key, value in defs.items() if key != name}
        node = {**inner, **{key: value for key, value in node.items() if key not in ("$ref", "allOf")}}
    return node, defs


def _properties(node: _Node, defs: _Node, path: _Path) -> dict[str, Any]:
    required = set(node.get("required", ()))
    plain = {name: _plain(value, defs, (*path, name)) for name, value in node["properties"].items()}
    return {name: value if name in required else _nullable(value) for name, value in plain.items()}


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    options = node.get("anyOf", [node])
    if any(option.get("type") == "null" for option in options):
        return node
    told = {"description": node["description"]} if "anyOf" in node and "description" in node else {}
    return {"anyOf": [*options, {"type": "null"}], **told}


def _description(node: _Node) -> dict[str, str]:
    """The description, with the bounds that the schema may not carry in words."""
    told_keys = [key for key in _BOUNDS if key in node and (key, node[key]) not in _OBVIOUS]
    bounds = [_BOUNDS[key].format(_told(node[key])) for key in told_keys]
    told = [str(node["description"])] if node.get("description") else []
    told += [f"({', '.join(bounds)})"] if bounds else []
    return {"description": " ".join(told)} if told else {}


def _told(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
