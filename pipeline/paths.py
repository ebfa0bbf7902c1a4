"""Where the stages leave what they hand on, below the folder that holds dvc.yaml."""

from pathlib import Path

BASE_MODEL = Path("models/base")
STUDENT = Path("models/student")
PREPARED = Path("data/prepared")
ELICITED = Path("data/elicited")
TEACHER = Path("data/teacher")
EVALUATION = Path("evaluation")
CURVE_FILE = EVALUATION / "distill_curve.csv"
