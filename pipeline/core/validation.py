"""What a user has written, checked by pydantic; what is wrong is told in one sentence with its key and what would be right."""

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Text = Annotated[str, Field(pattern=r"\S")]  # of at least one visible character
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what random, numpy and torch all take
_RANGES = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
}
_KINDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}


class Fault(ValueError):
    """What is wrong with a value, as a sentence without its place; ``key`` is empty where it is about several keys."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key, self.sentence = key, sentence.rstrip(".")


class Checked(BaseModel):
    """A frozen model that takes no other key and converts nothing but a list to a tuple and a whole number to a float."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def read(cls, values: Mapping[str, Any], *, show_value: bool) -> Self:
        """The model of ``values``; a key that is null takes its default. Raises Fault for the first thing that is wrong.

        ``show_value``: whether the sentence repeats the value (a parameter) or not (a text, which may be long).
        """
        for key in values:
            if key not in cls.model_fields:
                raise Fault(str(key), "is unknown")
        given = {key: value for key, value in values.items() if value is not None}
        try:
            return cls.model_validate_json(json.dumps(given, default=str))
        except ValidationError as error:
            first = error.errors()[0]
        kind, place, context = first["type"], first["loc"], first.get("ctx", {})
        if kind == "value_error":
            raise Fault(".".join(map(str, place)), str(context["error"]))
        if kind == "json_invalid":
            raise Fault("", "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the whole one")
        key = str(place[0])
        if kind == "missing" and len(place) == 1:
            raise Fault(key, "is missing")
        if kind in _RANGES:
            words, bound = _RANGES[kind]
            right = f"{words} {context[bound]:.10g}"
        else:
            right = "a finite number" if kind == "finite_number" else described(get_type_hints(cls, include_extras=True)[key])
        is_shown = show_value or right.startswith("one of")
        raise Fault(key, f"is {values[key]!r}, but must be {right}" if is_shown else f"must be {right}")


def described(annotation: Any) -> str:
    """What fits ``annotation``, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is UnionType:
        return described(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin is dict:
        return f"an object of {_plural(arguments[1])}"
    if origin is tuple:
        return f"a list of {_plural(arguments[0])}"
    if annotation == Seed:
        return _KINDS[int]
    return _KINDS.get(annotation) or ("a non-empty string" if annotation == Text else _plural(annotation))


def _plural(annotation: Any) -> str:
    if annotation in (str, Text):
        return "strings" if annotation is str else "non-empty strings"
    if get_origin(annotation) is tuple:
        return f"lists of {_plural(get_args(annotation)[0])}"
    return "objects with " + " and ".join(f'"{name}"' for name in annotation.model_fields)
