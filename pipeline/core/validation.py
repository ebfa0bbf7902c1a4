"""What a user has written, checked by pydantic; what is wrong is told in one sentence with its key and what would be right."""

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

Text = Annotated[str, Field(pattern=r"\S")]  # of at least one visible character
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es "
    "et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki "
    "kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no "
    "nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta "
    "te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_LANGUAGES = frozenset(_ISO_639_1.split())


def _known_language(code: str) -> str:
    if code not in _LANGUAGES:
        raise ValueError(f"is {_short(code)}, but must be an ISO 639-1 code, two small letters such as en, de, ja or zh")
    return code


Language = Annotated[str, AfterValidator(_known_language)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what random, numpy and torch all take
_RANGES = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
}
_SHOWN = 100  # characters of a value in a sentence
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
        for key, value in given.items():
            try:
                from_json(json.dumps(value, default=str))
            except (ValueError, TypeError, RecursionError) as error:
                raise Fault(key, _unreadable(str(error))) from None
        try:
            return cls.model_validate_json(json.dumps(given, default=str))
        except ValidationError as error:
            first = error.errors()[0]
        kind, place, context = first["type"], first["loc"], first.get("ctx", {})
        if kind == "value_error":
            raise Fault(".".join(map(str, place)), str(context["error"]))
        key = str(place[0])
        if kind == "missing" and len(place) == 1:
            raise Fault(key, "is missing")
        if kind in _RANGES:
            words, bound = _RANGES[kind]
            right = f"{words} {context[bound]:.10g}"
        else:
            right = "a finite number" if kind == "finite_number" else described(get_type_hints(cls, include_extras=True)[key])
        is_shown = show_value or right.startswith("one of")
        raise Fault(key, f"is {_short(values[key])}, but must be {right}" if is_shown else f"must be {right}")


def _unreadable(reason: str) -> str:
    """What is wrong with a value that JSON can't hold, or not in the depth that pydantic reads."""
    if "hex escape" in reason:
        return "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the whole one"
    return "holds itself, or lists too deep in each other to be read; take some away"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def described(annotation: Any) -> str:
    """What fits ``annotation``, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return described(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin is dict:
        return f"an object of {_plural(arguments[1])}"
    if origin is tuple:
        return f"a list of {_plural(arguments[0])}"
    if annotation == Seed:
        return _KINDS[int]
    return _KINDS.get(annotation) or ("a non-empty string" if annotation in (Text, Language) else _plural(annotation))


def _plural(annotation: Any) -> str:
    if annotation in (str, Text):
        return "strings" if annotation is str else "non-empty strings"
    if get_origin(annotation) is tuple:
        return f"lists of {_plural(get_args(annotation)[0])}"
    return "objects with " + " and ".join(f'"{name}"' for name in annotation.model_fields)
