"""The five criteria by which a method is judged, and the interventional gap (Liu et al., 2024, section 4.1)."""
