"""Unlearning by the likelihood of the forget text itself: what the method is compared with."""
