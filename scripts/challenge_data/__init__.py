"""The data of the shipped challenges: each file writes a private folder and a kit's data, by a seed."""
