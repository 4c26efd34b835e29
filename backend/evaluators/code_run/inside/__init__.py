"""What runs in the sandbox beside a submission, mounted read-only there: standard library and numpy only."""
