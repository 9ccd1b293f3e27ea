"""A process's memory, as a debugger or a core dump shows it (`/proc/PID/mem`, proc(5))."""

from pathlib import Path

UNREADABLE = ("[vvar]", "[vsyscall]", "[vvar_vclock]")


def memory_of(process_id: int) -> bytes:
    """Every page that a process of ours can write to: nothing can be in the others but what is in a file."""
    found = bytearray()
    with Path(f"/proc/{process_id}/maps").open() as maps, Path(f"/proc/{process_id}/mem").open("rb", 0) as memory:
        for line in maps:
            addresses, permissions, *rest = line.split()
            if not permissions.startswith("rw") or rest[-1] in UNREADABLE:
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            try:
                memory.seek(start)
                found += memory.read(end - start)
            except OSError:
                continue  # a page that nobody may read, or that has gone meanwhile
    return bytes(found)


def whole_memory(process_id: int) -> bytes:
    """The same of a process and everything it has started."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return b"\0".join([memory_of(process_id), *(whole_memory(int(child)) for child in children)])
