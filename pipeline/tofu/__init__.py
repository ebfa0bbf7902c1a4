"""The metrics of the TOFU benchmark, as functions of losses, log-probabilities and answers that somebody else computed."""
