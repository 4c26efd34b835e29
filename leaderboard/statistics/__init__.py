"""How scores are made from measurements, and whether a difference between two is real."""
