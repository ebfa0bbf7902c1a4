"""Section ``prepare``: who is forgotten, and where the texts and questions come from."""

from pydantic import Field

from pipeline.core.params import Section
from pipeline.core.validation import Language, Seed


class PrepareParams(Section):
    path: str = ""  # a folder with files that stand in for those of data/ with the same name
    targets: tuple[str, ...] = ()  # names of targets; empty is all of them
    language: Language = "en"  # ISO 639-1 code, of targets that give none
    retain_limit: int = Field(0, ge=0)  # retain passages taken at most, drawn by the seed; 0 is all
    questions_per_split: int = Field(0, ge=0)  # questions taken at most, drawn by the seed; 0 is all
    seed: Seed = 0  # order in which counterfactual names are drawn
