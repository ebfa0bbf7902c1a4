"""The ways to forget that are compared: distilled, by the likelihood of the text, by its hidden states, by prompting."""
