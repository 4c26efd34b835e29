"""Telling the operators of requests that ended: a webhook and e-mail, once for each end, whoever ended it."""
