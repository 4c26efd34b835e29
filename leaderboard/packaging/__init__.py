"""Submissions of code as packages: made on the participant's machine, checked there as the server checks them."""
