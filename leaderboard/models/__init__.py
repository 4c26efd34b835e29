"""What the board knows of each model: facts, names, lineage, copies."""
