"""What a terminal would show of a text: lines that were written over, erased or moved back to, without its codes."""

from __future__ import annotations

import re

CODE = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]*)[ -/]*(?P<command>[@-~])"
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-Z\\^-~]?"
    r"|(?P<control>[\r\n\x08])"
)
"""A cursor or colour code; the title of a window; any other escape; what moves the cursor by itself."""
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MOST_COLUMNS = 4096
"""How far to the right a code may move the cursor."""


class Screen:
    """Lines, and where the cursor is."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0

    def write(self, text: str) -> None:
        """Put `text`, which holds no codes, at the cursor, over what is there."""
        line = self.lines[self._row]
        end = self._column + len(text)
        self.lines[self._row] = line[: self._column].ljust(self._column) + text + line[end:]
        self._column = end

    def control(self, code: str) -> None:
        """Carriage return, backspace, or a new line."""
        if code == "\x08":
            self._column = max(0, self._column - 1)
            return
        self._column = 0
        if code == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")

    def command(self, command: str, numbers: str) -> None:
        """Move the cursor or erase in its line; colours and everything else change nothing here."""
        digits = numbers.partition(";")[0]
        number = min(int(digits[:9]), MOST_COLUMNS) if digits.isdecimal() else None
        steps = number or 1
        line = self.lines[self._row]
        match command:
            case "A":
                self._row = max(0, self._row - steps)
            case "B":
                self._row = min(len(self.lines) - 1, self._row + steps)
            case "C":
                self._column = min(MOST_COLUMNS, self._column + steps)
            case "D":
                self._column = max(0, self._column - steps)
            case "G":
                self._column = steps - 1
            case "K":
                before = "" if number == 2 else line[: self._column]
                self.lines[self._row] = " " * self._column + line[self._column :] if number == 1 else before


def shown_text(text: str) -> str:
    """`text` as it stands on the screen when all of it is written; lines keep no spaces at their ends."""
    screen, at = Screen(), 0
    for code in CODE.finditer(text):
        if code.start() > at:
            screen.write(text[at : code.start()])
        at = code.end()
        if code["control"]:
            screen.control(code["control"])
        elif code["command"]:
            screen.command(code["command"], code["numbers"])
    screen.write(text[at:])
    return "\n".join(INVISIBLE.sub("", line).rstrip(" ") for line in screen.lines)
