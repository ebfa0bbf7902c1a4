"""Two targets with neighbours, one of them shared and two that mention their target, and how they are asked about."""

from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import read_templates
from pipeline.prepare.tables import TargetFacts
from tests.project import ROOT

TEMPLATES = read_templates(ROOT / "data/question_templates.jsonl")
NEAR_TEMPLATES = read_templates(ROOT / "data/neighbour_templates.jsonl")
FORMS = ("Orla Brennick", "Brennick", "Orla")
BRENNICK = TargetFacts("Orla Brennick", "person", "en", FORMS, ("Skell", "Ada Lind", "Brennick Trust", "Hallin"))
PEARL = TargetFacts("湯川秀樹", "person", "ja", ("湯川秀樹", "湯川"), ("京都", "Skell", "湯川記念館"))
TARGETS = [BRENNICK, PEARL]
PARAMS = ElicitParams(engine="transformers", templates=3, answers=2, neighbours=2, neighbour_templates=2, max_new_tokens=12)
