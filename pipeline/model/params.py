"""Section ``model``: the model that has to forget."""

from typing import Literal

from pipeline.core.params import Section

EMBEDDED = "smollm2-135m-instruct"
EMBEDDED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
EMBEDDED_WEIGHTS = (
    f"the Q4_1 GGUF of {EMBEDDED_HUB_ID} (about 4 bits a weight), dequantised to float32; not the bfloat16 weights of the hub"
)
Precision = Literal["float32", "bfloat16"]  # of weights in memory


class ModelParams(Section):
    source: str = EMBEDDED  # the embedded model, a hub id, or a local folder
    revision: str = ""  # of a hub id; empty is the default branch
