"""Where the program begins: while it is still being read, Ctrl-C ends it as the system ends any program, without a word."""

import signal


def main() -> None:
    """Entry point of the console script."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # what runs in the background ignores it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nephoscope.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
