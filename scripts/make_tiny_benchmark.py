"""Write the questions of the tiny benchmark: `python -m scripts.make_tiny_benchmark`.

Every question comes from a generator below and a fixed seed, so the same script always writes the same bytes. The
generators also feed the training of the demo's checkpoints (`scripts.make_checkpoints`), which skips the
questions of the benchmark.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

DATA = Path(__file__).parent.parent / "benchmarks" / "tasks" / "tiny" / "data"
SEED = "podium tiny 1"

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
]  # fmt: skip
UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
]  # fmt: skip
WORDS = [
    "ant", "bear", "bird", "boat", "book", "cake", "cat", "coat", "corn", "cow", "cup", "dog", "door", "duck", "egg",
    "fish", "fox", "frog", "goat", "hat", "hen", "horse", "key", "lamp", "leaf", "milk", "moon", "mouse", "owl", "pear",
    "pig", "plum", "rain", "ring", "rose", "salt", "ship", "snow", "star", "sun", "tree", "wolf",
]  # fmt: skip
BRACKETS = {"round": "()", "square": "[]", "angle": "<>", "curly": "{}"}


@dataclass(frozen=True)
class Question:
    """One question: its text, the answer's text, and the choices (empty where the answer is written freely)."""

    question: str
    answer: str
    choices: tuple[str, ...] = ()


def arithmetic(rng: random.Random) -> Question:
    """A sum or difference of two numbers up to 30, with four numbers to choose from."""
    a, b = rng.randint(0, 30), rng.randint(0, 30)
    minus = rng.random() < 0.5
    a, b = (max(a, b), min(a, b)) if minus else (a, b)
    value = a - b if minus else a + b
    near = [n for n in (value - 10, value - 2, value - 1, value + 1, value + 2, value + 10) if n >= 0]
    choices = [value, *rng.sample(near, 3)]
    rng.shuffle(choices)
    return Question(f"What is {a} {'-' if minus else '+'} {b}?", str(value), tuple(map(str, choices)))


def compare(rng: random.Random) -> Question:
    """The larger or the smaller of two different numbers under 100; the two are the choices."""
    pair = rng.sample(range(100), 2)
    word, value = rng.choice([("larger", max(pair)), ("smaller", min(pair))])
    return Question(f"Which number is {word}, {pair[0]} or {pair[1]}?", str(value), tuple(map(str, pair)))


def _named(rng: random.Random) -> Question:
    unit, names = rng.choice([("day", DAYS), ("month", MONTHS)])
    start, steps, back = rng.randrange(len(names)), rng.randint(1, 3), rng.random() < 0.5
    answer = names[(start + (-steps if back else steps)) % len(names)]
    choices = [answer, *rng.sample([name for name in names if name != answer], 4)]
    return Question(f"It is {names[start]}. {_when(unit, steps, back)}", answer, tuple(choices))


def _numbered(rng: random.Random) -> Question:
    month, start, steps, back = rng.choice(MONTHS), rng.randint(10, 19), rng.randint(1, 9), rng.random() < 0.5
    day = start - steps if back else start + steps
    others = [n for n in range(1, 29) if n not in (day, start) and abs(n - day) <= 4]
    choices = tuple(f"{n} {month}" for n in [day, *rng.sample(others, 3), start])
    return Question(f"It is {start} {month}. {_when('day', steps, back)}", choices[0], choices)


def _when(unit: str, steps: int, back: bool) -> str:
    count = f"{steps} {unit}{'s' if steps > 1 else ''}"
    return f"What was it {count} ago?" if back else f"What is it in {count}?"


def dates(rng: random.Random) -> Question:
    """A weekday, a month or a date some steps before or after a given one, with five to choose from."""
    made = _named(rng) if rng.random() < 0.25 else _numbered(rng)
    return Question(made.question, made.answer, tuple(rng.sample(made.choices, 5)))


def _chain(rng: random.Random, operators: list[str]) -> tuple[str, bool]:
    text, terms = "", []
    for position in range(rng.randint(3, 5)):
        operator = rng.choice(operators) if position else ""
        negated, literal = rng.random() < 0.5, rng.random() < 0.5
        text += f" {operator} " if operator else ""
        text += f"{'not ' if negated else ''}{literal}"
        if operator != "and":
            terms.append(True)
        terms[-1] = terms[-1] and literal != negated
    return text, any(terms)


def _logic(operators: list[str]) -> Callable[[random.Random], Question]:
    def generate(rng: random.Random) -> Question:
        """Three to five literals joined by every operator, read as Python reads them; True and False equally likely."""
        result = rng.random() < 0.5
        text, value = _chain(rng, operators)
        while value != result or not set(operators) <= set(text.split()):
            text, value = _chain(rng, operators)
        return Question(text, str(result), ("True", "False"))

    return generate


def sums(rng: random.Random) -> Question:
    """A sum or difference written in words, to be answered in digits."""
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    if rng.random() < 0.5:
        return Question(f"What is {UNITS[a]} plus {UNITS[b]}?", str(a + b))
    return Question(f"What is {UNITS[max(a, b)]} minus {UNITS[min(a, b)]}?", str(abs(a - b)))


def _repeat(rng: random.Random) -> Question:
    word, times, mark = rng.choice(WORDS), rng.randint(2, 4), rng.choice("-+/_")
    return Question(f"Write {word} {times} times with {mark} between.", mark.join([word] * times))


def _swap(rng: random.Random) -> Question:
    first, second = rng.sample(WORDS, 2)
    return Question(f"Swap the words {first} {second}.", f"{second} {first}")


def _join(rng: random.Random) -> Question:
    words, mark = rng.sample(WORDS, 3), rng.choice("-+/_")
    return Question(f"Join {', '.join(words)} with {mark}.", mark.join(words))


def _wrap(rng: random.Random) -> Question:
    word, (name, marks) = rng.choice(WORDS), rng.choice(list(BRACKETS.items()))
    return Question(f"Put {word} in {name} brackets.", f"{marks[0]}{word}{marks[1]}")


def layout(rng: random.Random) -> Question:
    """Words to be repeated, swapped, joined or put in brackets exactly as the question says."""
    return rng.choice([_repeat, _swap, _join, _wrap])(rng)


def sequence(rng: random.Random) -> Question:
    """Four numbers with equal steps, up or down; the answer is the fifth."""
    step, start = rng.randint(1, 9), rng.randint(0, 40)
    numbers = [start + step * i for i in range(5)]
    if rng.random() < 0.5:
        numbers.reverse()
    return Question("".join(f"{n}, " for n in numbers[:4]).rstrip(), str(numbers[4]))


@dataclass(frozen=True)
class Task:
    """How one data file is made: the generator, the number of test questions, and of few-shot examples."""

    generate: Callable[[random.Random], Question]
    questions: int
    shown: int = 0


TASKS = {
    "arithmetic": Task(arithmetic, 200),
    "compare": Task(compare, 200),
    "dates": Task(dates, 120, shown=3),
    "logic_and": Task(_logic(["and"]), 100),
    "logic_or": Task(_logic(["or"]), 100),
    "logic_mixed": Task(_logic(["and", "or"]), 100),
    "sums": Task(sums, 120, shown=2),
    "format": Task(layout, 150),
    "sequence": Task(sequence, 150),
}


def distinct(task: Task, rng: random.Random) -> Iterator[Question]:
    """Endless distinct questions of `task`."""
    texts: set[str] = set()
    while True:
        made = task.generate(rng)
        if made.question not in texts:
            texts.add(made.question)
            yield made


def benchmark(name: str) -> tuple[list[Question], list[Question]]:
    """The questions of one task: few-shot examples and test questions."""
    task = TASKS[name]
    source = distinct(task, random.Random(f"{SEED} {name}"))
    drawn = [next(source) for _ in range(task.shown + task.questions)]
    return drawn[: task.shown], drawn[task.shown :]


def reserved() -> frozenset[str]:
    """The text of every question of the benchmark, examples included: training must not use them."""
    return frozenset(q.question for name in TASKS for part in benchmark(name) for q in part)


def files() -> dict[str, bytes]:
    """Every data file of the benchmark, by name, as JSON lines."""
    made = {}
    for name in TASKS:
        for split, questions in zip(("shots", "test"), benchmark(name), strict=True):
            if questions:
                made[f"{name}.{split}.jsonl"] = "".join(json.dumps(asdict(q)) + "\n" for q in questions).encode()
    return made


def main() -> None:
    """Write the data files and print the number of questions in each."""
    DATA.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (DATA / name).write_bytes(content)
        print(f"{name}: {len(content.splitlines())} questions")


if __name__ == "__main__":
    main()
