"""The evidence: other methods, what is measured of them, and the data they are compared on. Nothing in pipeline imports it."""
