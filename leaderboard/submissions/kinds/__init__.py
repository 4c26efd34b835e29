"""Kinds of submissions: the fields, identity and checks of each, a folder a kind."""
