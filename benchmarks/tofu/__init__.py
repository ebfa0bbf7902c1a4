"""TOFU: its rows, and the metrics of its paper and of OpenUnlearning."""
