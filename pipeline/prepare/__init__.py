"""From what a user writes to passages, counterfactual names and questions; needs no model."""
