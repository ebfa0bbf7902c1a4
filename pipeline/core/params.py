"""Parameters: each section of a YAML file is a frozen pydantic model, in the room that uses it.

Read with a YAML 1.2 reader, since DVC writes ``3e-06``, which a YAML 1.1 reader takes for a string. Every section is
tracked by its DVC stage, of ``runtime`` the device alone, so a key belongs there exactly when it changes the result.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pipeline.core.errors import InputError
from pipeline.core.validation import Checked, Fault

PARAMS_FILE = Path("params.yaml")
_ALIASES = 20  # in a file; lists of aliases of lists grow without end


class Section(Checked):
    """A section of params.yaml."""

    @classmethod
    def filled(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """``values`` with what other defaults than the fields' own stand for the keys that it lacks (presets)."""
        return values

    def changed(self, **values: Any) -> Self:
        """The same section with other ``values``."""
        return self.model_copy(update=values)


S = TypeVar("S", bound=Section)


def parse_section(section: type[S], values: Any, name: str, file: Path = PARAMS_FILE) -> S:
    """The section ``name`` of ``file`` from what stands there; keys that are missing or null take their defaults.

    Raises InputError with the file and the key for an unknown key, a wrong type, or a value out of range.
    """
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise InputError(f"{file}: {name} must be a section with keys below it.")
    try:
        return section.read(section.filled(values), show_value=True)
    except Fault as fault:
        key = f"{name}.{fault.key} " if fault.key else f"{name}."
        keys = f"; {name} takes {', '.join(section.model_fields)}" if fault.sentence == "is unknown" else ""
        raise InputError(f"{file}: {key}{fault.sentence}{keys}.") from None


def read_section(section: type[S], name: str, file: Path = PARAMS_FILE) -> S:
    """The section ``name`` of ``file`` alone. Raises InputError as read_yaml and parse_section do."""
    return parse_section(section, read_yaml(file).get(name), name, file)


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The sections of a YAML 1.2 file. Raises InputError when it is missing, no UTF-8, no YAML, or no mapping of words."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.tokens import AliasToken

    try:
        text = path.read_text(encoding="utf-8")
        aliases = [token for token in YAML(typ="safe", pure=True).scan(text) if isinstance(token, AliasToken)]
        if len(aliases) > _ALIASES:
            line = aliases[0].start_mark.line + 1
            raise InputError(
                f"{path}, line {line}: more than {_ALIASES} values stand for others (*{aliases[0].value}); write them out."
            )
        document = YAML(typ="safe", pure=True).load(text) or {}
    except FileNotFoundError:
        raise InputError(f"{path} is missing: run from the folder that holds it, with dvc.yaml.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); it must be a file of parameters.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", error)).splitlines()[0]
        raise InputError(f"{path}{place} is not valid YAML: {problem}.") from None
    except RecursionError:
        raise InputError(f"{path}: its brackets or indents stand too deep in each other; sections hold keys alone.") from None
    except ValueError as error:
        raise InputError(f"{path} holds a value that can't be read ({error}); write another.") from None
    if not isinstance(document, Mapping):
        raise InputError(f"{path} must hold sections, each with keys below it.")
    return document
