"""What a run will cost, said before it is made."""
