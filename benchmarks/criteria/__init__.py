"""What is measured of a method, and the table over methods and seeds."""
