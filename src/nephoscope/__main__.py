"""Console entry point: SIGINT keeps its default action until the imports finish."""

import gc
import signal

#: New objects before Python looks for garbage; at its own 700, loading a command is interrupted more than a hundred times.
GARBAGE_THRESHOLD = 50_000


def main() -> None:
    """Entry point of the console script."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # what runs in the background ignores it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(GARBAGE_THRESHOLD)
    from nephoscope.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
