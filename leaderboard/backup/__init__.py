"""All that a board knows, as plain files in a folder: made from its stores, checked, and put back.

FOLDER/manifest.json    version of this format, time, kind of store, SHA-256 and size of every file
FOLDER/requests/…       the requests store: request files, votes, logs, workers
FOLDER/results/…        the results store: results, contents, flags, discussions, policies, facts, details
FOLDER/details/…        on the Hub, the dataset of each model's details
FOLDER/private/…        the private folder: uploads, the benchmarks' private data, private results; its own manifest
"""
