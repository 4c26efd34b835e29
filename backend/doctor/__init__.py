"""`podium doctor`: whether this machine, its settings and what it depends on let Podium work; a line for each."""
