"""Follows everybody and everything: python follow.py DATA INTO"""

import csv
import json
import sys
from pathlib import Path


def answer(story, question):
    """The room where the thing is at the end."""
    at, things, held = {}, {}, {}
    for sentence in story.removesuffix(".").split(". "):
        words = sentence.split()
        if words[0] == "The":
            things[words[1]] = words[-1]
        elif words[1] in ("is", "goes"):
            at[words[0]] = words[-1]
        elif words[1] == "takes":
            held[words[-1]] = words[0]
        else:
            things[words[-1]] = at[held.pop(words[-1])]
    thing = question.split()[-1].rstrip("?")
    return at[held[thing]] if thing in held else things[thing]


if __name__ == "__main__":
    data, into = Path(sys.argv[1]), Path(sys.argv[2])
    with into.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "answer"])
        for line in (data / "questions.jsonl").open():
            asked = json.loads(line)
            writer.writerow([asked["id"], answer(asked["story"], asked["question"])])
