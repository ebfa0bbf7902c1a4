"""A measured figure and what it is held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One number of a benchmark of speed or memory."""

    key: str
    value: float
    aim: str  # a comparison with the value, such as ">= 0.92"
    compared: str  # what the value is the ratio of
