"""Run a program of ours with a change: the change's module, then the program's, then its command line."""

import importlib
import runpy
import sys

if __name__ == "__main__":
    change, program = sys.argv[1:3]
    del sys.argv[1:3]
    importlib.import_module(f"diptych.drill.builds.{change}").change()
    runpy.run_module(program, run_name="__main__", alter_sys=True)
