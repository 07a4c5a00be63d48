"""bdb.py FROM INTO: the headers of rpm's SQLite database in a Berkeley database, as rpm kept them before 2020."""
import sqlite3
import struct
import sys

import bsddb3.db

source, into = sys.argv[1:]
out = bsddb3.db.DB()
out.set_pagesize(4096)
out.open(into, dbtype=bsddb3.db.DB_HASH, flags=bsddb3.db.DB_CREATE)
last = 0
for number, blob in sqlite3.connect(source).execute("SELECT hnum, blob FROM Packages"):
    out.put(struct.pack("<I", number), blob)
    last = max(last, number)
out.put(struct.pack("<I", 0), struct.pack("<I", last))
out.close()
