"""Bringing the model that has to forget into models/base, whatever it comes from."""
