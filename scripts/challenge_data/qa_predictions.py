"""Data of the challenge qa-predictions: short stories of who carries what where, and questions about them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PUBLIC_SEED = "public"
"""Of the practice questions and of the public part: everybody may know it."""
TRAIN, PUBLIC, PRIVATE = 150, 80, 160
PEOPLE = ("Ada", "Ben", "Cleo", "Dan")
ROOMS = ("kitchen", "garden", "cellar", "attic", "library", "hall")
THINGS = ("key", "lamp", "book", "cup")
STEPS = (4, 9)
"""Fewest and most sentences of a story."""


def write(private: Path, kit: Path, seed: str) -> None:
    """Write the private folder, its private part by `seed`, and the data and the template of the folder `kit`."""
    public, template = kit / "data", kit / "submission" / "predictions.csv"
    shown, hidden = _questions("p", PUBLIC, PUBLIC_SEED), _questions("h", PRIVATE, seed)
    rows = [(question, "public") for question in shown] + [(question, "private") for question in hidden]
    random.Random(f"{seed} order").shuffle(rows)
    private.mkdir(parents=True, exist_ok=True)
    public.mkdir(parents=True, exist_ok=True)
    template.parent.mkdir(parents=True, exist_ok=True)
    template.write_text("id,answer\n" + "".join(f"{each['id']},{ROOMS[0]}\n" for each, _ in rows))
    _write_labels(private / "labels.csv", [(each["id"], each["answer"], part) for each, part in rows])
    known = [(each["id"], each["answer"] if part == "public" else "", part) for each, part in rows]
    _write_labels(public / "labels.csv", known)
    _write_labels(public / "public_labels.csv", [row for row in known if row[1]])
    _write_questions(public / "practice.jsonl", _questions("t", TRAIN, PUBLIC_SEED))
    _write_questions(public / "questions.jsonl", [{**each, "answer": None} for each, _ in rows])


def _questions(prefix: str, number: int, seed: str) -> list[dict[str, Any]]:
    draws = random.Random(f"{seed} {prefix}")
    return [_question(f"{prefix}{place:03}", draws) for place in range(number)]


def _question(name: str, draws: random.Random) -> dict[str, Any]:
    """A story in which people go, take and put down, and where one of the things is at its end."""
    at = {person: draws.choice(ROOMS) for person in PEOPLE}
    story = [f"{person} is in the {room}." for person, room in at.items()]
    things = {thing: draws.choice(ROOMS) for thing in THINGS}
    story += [f"The {thing} is in the {room}." for thing, room in things.items()]
    held: dict[str, str] = {}
    for _ in range(draws.randint(*STEPS)):
        story.append(_step(at, things, held, draws))
    asked = draws.choice(sorted(held) or THINGS) if draws.random() < 0.6 else draws.choice(THINGS)
    answer = at[held[asked]] if asked in held else things[asked]
    return {"id": name, "story": " ".join(story), "question": f"Where is the {asked}?", "answer": answer}


def _step(at: dict[str, str], things: dict[str, str], held: dict[str, str], draws: random.Random) -> str:
    """One sentence, and what it changes."""
    person = draws.choice(PEOPLE)
    here = [thing for thing in THINGS if thing not in held and things[thing] == at[person]]
    mine = [thing for thing in THINGS if held.get(thing) == person]
    if here and draws.random() < 0.7:
        thing = draws.choice(here)
        held[thing] = person
        return f"{person} takes the {thing}."
    if mine and draws.random() < 0.3:
        thing = draws.choice(mine)
        del held[thing]
        things[thing] = at[person]
        return f"{person} puts down the {thing}."
    at[person] = draws.choice([room for room in ROOMS if room != at[person]])
    return f"{person} goes to the {at[person]}."


def _write_questions(file: Path, questions: Iterable[dict[str, Any]]) -> None:
    """One JSON object a line; what is None is left out."""
    lines = ({key: value for key, value in each.items() if value is not None} for each in questions)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _write_labels(file: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    with file.open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["id", "answer", "split"])
        writer.writerows(rows)
