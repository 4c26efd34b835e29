"""What a job does, by kind of submission."""
