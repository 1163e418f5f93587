#!/usr/bin/env python3
# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""compose.py FOLDER OUTPUT: one picture of each dashboard, from what test_dashboards.py left in FOLDER.

SIP_PANELS=FOLDER keeps the drawn panels of a test run, see README.md.
"""

import html
import json
import pathlib
import re
import shutil
import sys

import engines
import panels

COLORS = {
    "light": {"page": "#f5f7fa", "panel": "#ffffff", "line": "#d3dae6", "title": "#343741", "text": "#69707d"},
    "dark": {"page": "#141519", "panel": "#1d1e24", "line": "#343741", "title": "#dfe5ef", "text": "#98a2b3"},
}
CELL_W, CELL_H, GAP = 27, 19, 8


def text(x, y, words, color, size=12, weight="normal"):
    return '<text x="%d" y="%d" font-family="DejaVu Sans" font-size="%d" font-weight="%s" fill="%s">%s</text>' \
        % (x, y, size, weight, color, html.escape(str(words)))


LETTER = 6.9


def table(rows, heads, width, height, color):
    """A table as text, columns as wide as what is in them; the widest give way."""
    rows = rows[:max(1, (height - 30) // 20)]
    columns = list(zip(heads, *rows))
    wide = [max(len(str(cell)) for cell in column) for column in columns]
    while (sum(wide) + 2 * len(wide)) * LETTER > width - 6:
        wide[wide.index(max(wide))] -= 1
    room = (width - 6) / (sum(wide) + 2 * len(wide))
    out = []
    x = 6.0
    for column, letters in zip(columns, wide):
        span = (letters + 2) * room
        fit = max(4, int((span - 8) / LETTER) + 1)
        for line, cell in enumerate(column):
            cell = str(cell) if len(str(cell)) <= fit else str(cell)[:fit - 1] + "…"
            out.append(text(x, 18 + 20 * line, cell, color["title" if line == 0 else "text"], 11,
                            "bold" if line == 0 else "normal"))
        x += span
    return "".join(out)


def kind(item):
    return panels.state(item)["type"] if item["type"] == "visualization" else item["type"]


def words_of(line):
    """The words of a line of Markdown, each as [(piece, is it strong)...]."""
    words = [[]]
    for number, part in enumerate(re.split(r"\*\*|`", line)):
        for place, piece in enumerate(re.split(r"\s+", part.replace("*", ""))):
            if place:
                words.append([])
            if piece:
                words[-1].append((piece, number % 2 == 1))
    return [word for word in words if word]


def line_of(x, y, words, color):
    pieces = "".join('<tspan font-weight="%s" fill="%s">%s</tspan>' % (
        "bold" if strong else "normal", color["title" if strong else "text"], html.escape(piece))
        for word in words for piece, strong in [*word, (" ", False)])
    return '<text x="%d" y="%d" xml:space="preserve" font-family="DejaVu Sans" font-size="11">%s</text>' % (x, y, pieces)


def markdown(lines, width, height, color):
    """As much of Markdown as the panels have: paragraphs, lists, a table."""
    out = []
    y = 18
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("|") and not line.startswith("|--")]
    for line in lines:
        if line.startswith("|"):
            if cells:
                rows = [[re.sub(r"[*`]", "", cell) for cell in row] for row in cells]
                out.append('<svg y="%d" width="%d" height="%d">%s</svg>' % (
                    y - 14, width, height, table(rows[1:], rows[0], width, height, color)))
                y += 20 * len(rows)
                cells = []
            continue
        if not line:
            y += 8
            continue
        item = line.startswith("* ")
        left = x = 20 if item else 6
        if item:
            out.append(text(8, y, "•", color["text"], 11))
        row = []
        for word in words_of(line[2:] if item else line):
            size = 7 * sum(len(piece) for piece, _ in word) + 4
            if x + size > width:
                out.append(line_of(left, y, row, color))
                row, x, y = [], left, y + 18
            row.append(word)
            x += size
        out.append(line_of(left, y, row, color))
        y += 18
    return "".join(out)


def compose(objects, folder, name, theme):
    color = COLORS[theme]
    item = objects[name]
    references = {reference["name"]: reference["id"] for reference in item["references"]}
    drawn = []
    bottom = 0
    placed = json.loads(item["attributes"]["panelsJSON"])
    shown = {panel["panelRefName"] for panel in placed
             if any(folder.glob(references[panel["panelRefName"]] + ".%s.svg" % theme))
             or (folder / (references[panel["panelRefName"]] + ".table.json")).exists()
             or kind(objects[references[panel["panelRefName"]]]) == "markdown"}
    rows = sorted({panel["gridData"]["y"] for panel in placed})
    y_of = {}
    for y in rows:
        row = [panel for panel in placed if panel["gridData"]["y"] == y]
        if any(panel["panelRefName"] in shown for panel in row):
            y_of[y] = bottom
            bottom += row[0]["gridData"]["h"] * CELL_H + GAP
    width = 48 * CELL_W + 2 * GAP
    for panel in placed:
        grid = panel["gridData"]
        key = references[panel["panelRefName"]]
        if grid["y"] not in y_of or panel["panelRefName"] not in shown:
            continue
        x, y = GAP + grid["x"] * CELL_W, 44 + y_of[grid["y"]]
        w, h = grid["w"] * CELL_W - (GAP if grid["x"] + grid["w"] < 48 else 0), grid["h"] * CELL_H
        title = objects[key]["attributes"]["title"].replace("[SIP] ", "")
        drawn.append('<rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s" stroke="%s"/>'
                     % (x, y, w, h, color["panel"], color["line"]))
        drawn.append(text(x + 10, y + 20, title, color["title"], 13, "bold"))
        file = folder / ("%s.%s.svg" % (key, theme))
        if file.exists():
            svg = file.read_text(encoding="utf-8")
            drawn.append(re.sub(r"<svg ", '<svg x="%d" y="%d" ' % (x + 4, y + 28), svg[svg.index("<svg"):], count=1))
        elif kind(objects[key]) == "markdown":
            lines = panels.state(objects[key])["params"]["markdown"].split("\n")
            drawn.append('<svg x="%d" y="%d" width="%d" height="%d">%s</svg>' % (
                x + 4, y + 28, w - 8, h - 30, markdown(lines, w - 12, h - 30, color)))
        else:
            content = json.loads((folder / (key + ".table.json")).read_text(encoding="utf-8"))
            drawn.append('<svg x="%d" y="%d" width="%d" height="%d">%s</svg>' % (
                x + 4, y + 30, w - 8, h - 34, table(content["rows"], content["heads"], w - 12, h - 34, color)))
    return '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="%d" height="%d">' \
        '<rect width="100%%" height="100%%" fill="%s"/>%s%s</svg>' % (
            width, bottom + 52, color["page"], text(GAP + 4, 28, item["attributes"]["title"], color["title"], 17, "bold"),
            "".join(drawn))


def main():
    folder, output = map(pathlib.Path, sys.argv[1:3])
    objects = panels.load()
    for name in (name for name, item in objects.items() if item["type"] == "dashboard"):
        for theme in COLORS:
            svg = folder / ("%s.%s.svg" % (name, theme))
            svg.write_text(compose(objects, folder, name, theme), encoding="utf-8")
            png = output / ("dashboard-%s%s.png" % (name[4:], "" if theme == "light" else "-dark"))
            panels.picture(svg, png)
            if shutil.which("pngquant"):
                engines.run(["pngquant", "--force", "--speed", "1", "--output", png, "256", png])


if __name__ == "__main__":
    main()
