"""`python -m diptych`."""

from diptych.app import main

if __name__ == "__main__":
    main()
