"""wal.py FROM INTO: a database with changes that are in its log alone, as they are copied while it is open."""
import os
import shutil
import sqlite3
import sys

source, into = sys.argv[1:]
database = sqlite3.connect(source)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA wal_autocheckpoint = 0")
# One package goes, and another one comes back by another number.
rows = database.execute("SELECT hnum, blob FROM Packages").fetchall()
gone = next(row for row in rows if b"\0many-part42\0" in row[1])
with database:
    for table, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [column[1] for column in database.execute(f"PRAGMA table_info('{table}')")]
        if "hnum" in columns:
            database.execute(f"DELETE FROM '{table}' WHERE hnum = ?", (gone[0],))
large = max(rows, key=lambda row: len(row[1]))
with database:
    database.execute("DELETE FROM Packages WHERE hnum = ?", (large[0],))
    database.execute("INSERT INTO Packages (hnum, blob) VALUES (?, ?)", (large[0], large[1]))
for name in os.listdir(os.path.dirname(source)):
    if not name.endswith("-shm"):
        shutil.copy(os.path.join(os.path.dirname(source), name), into)
