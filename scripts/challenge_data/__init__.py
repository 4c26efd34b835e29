"""The data of the shipped challenges: each file writes a private folder and a kit's public data, by a seed."""
