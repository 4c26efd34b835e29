"""Where the thing was put first, or where the last person who took it was then: python last_taker.py DATA INTO"""

import csv
import json
import re
import sys
from pathlib import Path


def answer(story, question):
    """The room where the thing was last seen. What its carrier does afterwards is not looked at."""
    thing = re.fullmatch(r"Where is the (\w+)\?", question)[1]
    at, room = {}, ""
    for sentence in story.split(". "):
        words = sentence.rstrip(".").split()
        if words[0] == "The":
            room = words[-1] if words[1] == thing else room
        elif words[1] in ("is", "goes"):
            at[words[0]] = words[-1]
        elif words[-1] == thing:
            room = at[words[0]]
    return room


if __name__ == "__main__":
    data, into = Path(sys.argv[1]), Path(sys.argv[2])
    with into.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "answer"])
        for line in (data / "questions.jsonl").open():
            asked = json.loads(line)
            writer.writerow([asked["id"], answer(asked["story"], asked["question"])])
