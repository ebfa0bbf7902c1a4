"""The objective that a section ``baseline`` names."""

from pipeline.baselines.gradient_ascent import GradientAscent
from pipeline.baselines.gradient_difference import GradientDifference
from pipeline.baselines.npo import NegativePreference
from pipeline.baselines.objective import Objective
from pipeline.baselines.params import BaselineParams
from pipeline.baselines.simnpo import SimpleNegativePreference


def objective_of(params: BaselineParams) -> Objective:
    """The objective with the parameters that it takes; the others are not read."""
    match params.objective:
        case "gradient_ascent":
            return GradientAscent()
        case "gradient_difference":
            return GradientDifference(params.retain_weight)
        case "npo":
            return NegativePreference(params.retain_weight, params.inverse_temperature)
        case "simnpo":
            return SimpleNegativePreference(params.retain_weight, params.inverse_temperature, params.gamma)
