# Reads exports as tables and prints them as JSON: read_tables.py csv|ndjson|sql FILE. Blobs are {"hex": …}.
import csv
import json
import sqlite3
import sys

kind, path = sys.argv[1:]
csv.field_size_limit(1 << 30)


def plain(value):
    return {"hex": value.hex()} if isinstance(value, bytes) else value


if kind == "csv":
    with open(path, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
elif kind == "ndjson":
    with open(path, encoding="utf-8", newline="\n") as file:
        objects = [json.loads(line) for line in file]
    names = list(objects[0])
    rows = [list(each.values()) for each in objects]
else:
    cursor = sqlite3.connect(path).execute("SELECT * FROM exchanges ORDER BY id")
    names = [column[0] for column in cursor.description]
    rows = [[plain(value) for value in row] for row in cursor]
json.dump({"names": names, "rows": rows}, sys.stdout)
