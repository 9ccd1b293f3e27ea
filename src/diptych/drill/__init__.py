"""The drill: a made-up town is put into the real system and into two others, and then everything is stolen.

It uses the whole house and nothing depends on it. `town` makes the people; `scene` builds what is attacked; `attacker`
has the thief's tools, which read files, memory and traffic and never ask our own accessors; `positions` has one file
for each place where a thief can stand; `report` says what came of it.
"""
