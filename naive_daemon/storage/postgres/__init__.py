"""PostgreSQL: the journal, what operators want, what is so, and the locks that keep one writer for each account.

The daemon's own paths (journal, control, listener) speak psycopg with hand-written, set-based SQL, because they stand
between a trade and its order; what an operator asks for goes through SQLAlchemy (`engine`). Both connect in
`connection`, and both read `condition` to learn which errors mean "try again". It takes PostgreSQL 14 or newer.
"""
