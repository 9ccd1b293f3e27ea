"""What Diptych is compared with, built here and attacked alike: a plain table, and today's common practice.

Both are one application with one SQLite database, its log, its backups and its configuration, run as a process of its
own. The common practice encrypts each column with AES-256-GCM and finds people by an HMAC-SHA-256 of each searched
column (a blind index); the keys stand in the application's configuration, as they must for it to answer.
"""
