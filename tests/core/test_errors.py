"""Messages name the key as it stands in the file."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError, ParamError, keys_stand_in


def test_a_key_is_named_with_its_file_and_the_section_it_stands_in() -> None:
    with pytest.raises(InputError) as told, keys_stand_in(Path("mine.yaml"), teacher="methods.whp.teacher"):
        raise ParamError("teacher.names is 20, the teacher. has 3, methods.x.teacher.names none")
    message = "mine.yaml: methods.whp.teacher.names is 20, the teacher. has 3, methods.x.teacher.names none"
    assert told.value.message == message
    with pytest.raises(InputError) as told, keys_stand_in(Path("params.yaml")):
        raise ParamError("teacher.names is 20")
    assert told.value.message == "params.yaml: teacher.names is 20"


def test_another_error_is_left_as_it_is() -> None:
    with pytest.raises(InputError, match=r"^no file$"), keys_stand_in(Path("params.yaml"), teacher="held_out"):
        raise InputError("no file")
